/** Joins the identity store with the evaluation: who asks, which policies apply, what the request's global condition keys are. */
import type { IdentityStore, RoleRecord } from '../auth/identities.ts';
import { type Principal, principalName } from '../auth/principal.ts';
import type { AccessQuestion, SandboxRequest } from '../http/service.ts';
import { conditionContext } from './context.ts';
import { type Policy, type PolicyKind, parsePolicy } from './document.ts';
import { type Decision, evaluate, type ServicePrincipal } from './evaluate.ts';

/** Parsed policies kept by text; documents change seldom and are asked on every request. */
const CACHED_POLICIES = 500;

export interface AuthorizerOptions {
  readonly identities: IdentityStore;
  /** What `aws:SecureTransport` says; see SandboxOptions. */
  readonly secureTransport: boolean;
  readonly region: string;
  readonly now: () => number;
}

export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #parsed = new Map<string, Policy>();

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  #parse(text: string, kind: PolicyKind): Policy {
    const key = `${kind} ${text}`;
    let policy = this.#parsed.get(key);
    if (policy === undefined) {
      policy = parsePolicy(text, kind);
      if (this.#parsed.size >= CACHED_POLICIES) this.#parsed.clear();
      this.#parsed.set(key, policy);
    }
    return policy;
  }

  /** Decides for the principal of a request, with the global condition keys of that request. */
  decide(request: SandboxRequest, question: AccessQuestion): Decision {
    const { identities } = this.#options;
    const { principal } = request;
    const policies = identities.policiesOf(principal);
    const trust = question.action.startsWith('sts:') && question.resourcePolicy !== undefined;
    return evaluate(
      {
        principal,
        action: question.action,
        resource: question.resource,
        context: conditionContext(this.#globals(request), question.context ?? {}),
      },
      {
        identity: policies.identity.map((text) => this.#parse(text, 'identity')),
        boundary: policies.boundary === null ? null : this.#parse(policies.boundary, 'identity'),
        session: policies.session.map((text) => this.#parse(text, 'identity')),
        resourceMustAllow: trust,
        resource: question.resourcePolicy ? this.#parse(question.resourcePolicy, trust ? 'trust' : 'resource') : null,
      },
    );
  }

  /** Whether a role's trust policy lets a service (e.g. `ec2.amazonaws.com`) take it on. */
  serviceMayAssume(role: RoleRecord, service: string): boolean {
    const principal: ServicePrincipal = { kind: 'service', service };
    const resource = this.#options.identities.roleArn(role);
    const decision = evaluate(
      { principal, action: 'sts:AssumeRole', resource, context: conditionContext({}) },
      { identity: [], boundary: null, session: [], resource: this.#parse(role.trustPolicy, 'trust') },
    );
    return decision.allowed;
  }

  #globals(request: SandboxRequest): Record<string, string | undefined> {
    const { secureTransport, region } = this.#options;
    const time = new Date(request.time);
    return {
      'aws:SecureTransport': String(secureTransport),
      's3:TlsVersion': secureTransport ? '1.3' : undefined,
      'aws:SourceIp': request.sourceIp,
      'aws:UserAgent': request.headers['user-agent'],
      'aws:Referer': request.headers.referer,
      'aws:CurrentTime': time.toISOString(),
      'aws:EpochTime': String(Math.floor(request.time / 1000)),
      'aws:RequestedRegion': request.region || region,
      'aws:ViaAWSService': 'false',
      ...this.#ofPrincipal(request.principal),
    };
  }

  #ofPrincipal(principal: Principal): Record<string, string | undefined> {
    if (principal.kind === 'anonymous') return { 'aws:PrincipalType': 'Anonymous', 'aws:userid': 'anonymous' };
    const keys: Record<string, string | undefined> = {
      'aws:PrincipalArn': principal.kind === 'user' ? principal.arn : principal.roleArn,
      'aws:PrincipalAccount': principal.accountId,
      'aws:PrincipalType': principal.kind === 'user' ? 'User' : 'AssumedRole',
      'aws:userid': principal.userId,
      'aws:username': principal.kind === 'user' ? principal.userName : undefined,
      'ec2:SourceInstanceARN': principal.kind === 'assumed-role' ? principal.instanceArn : undefined,
    };
    for (const [key, value] of Object.entries(principal.tags)) keys[`aws:PrincipalTag/${key}`] = value;
    const issuedAt = this.#options.identities.issuedAt(principal.accessKeyId);
    if (issuedAt !== null) keys['aws:TokenIssueTime'] = new Date(issuedAt).toISOString();
    return keys;
  }
}

/** The sentence AWS answers with when a request is denied. */
export function denial(
  request: Pick<SandboxRequest, 'principal'>,
  question: AccessQuestion,
  decision: Decision,
): string {
  const on = question.resource === '*' ? '' : ` on resource: "${question.resource}"`;
  return `User: ${principalName(request.principal)} is not authorized to perform: ${question.action}${on} ${decision.reason}`;
}
