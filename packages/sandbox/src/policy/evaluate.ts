/**
 * The decision over all policies that apply (IAM user guide, "Policy evaluation logic", one account): an explicit deny
 * anywhere wins; otherwise an allow must come from the resource's policy or from the principal's own, and what the
 * principal's own allow is cut by its permissions boundary and its session policies. Pure.
 */
import type { Principal } from '../auth/principal.ts';
import { conditionsMet } from './conditions.ts';
import type { ConditionContext } from './context.ts';
import type { Listed, Policy, PrincipalEntry, Statement } from './document.ts';
import { glob, globMatches } from './glob.ts';
import { expand } from './variables.ts';

/** A service that acts for itself, e.g. `ec2.amazonaws.com` taking on an instance's role. */
export interface ServicePrincipal {
  readonly kind: 'service';
  readonly service: string;
}

export interface AccessRequest {
  readonly principal: Principal | ServicePrincipal;
  readonly action: string;
  readonly resource: string;
  readonly context: ConditionContext;
}

export interface ApplicablePolicies {
  readonly identity: readonly Policy[];
  readonly boundary: Policy | null;
  /** Empty when the session has none. */
  readonly session: readonly Policy[];
  readonly resource: Policy | null;
  /** True for a role's trust policy: the principal's own allow is then not enough. */
  readonly resourceMustAllow?: boolean;
}

export interface Decision {
  readonly allowed: boolean;
  /** Explicit denies cannot be repaired by adding an allow. */
  readonly explicit: boolean;
  /** Sentence part, e.g. `because no identity-based policy allows the s3:GetObject action`; empty when allowed. */
  readonly reason: string;
}

const ALLOWED: Decision = { allowed: true, explicit: false, reason: '' };

/** Decides one action on one resource. */
export function evaluate(request: AccessRequest, policies: ApplicablePolicies): Decision {
  const denies = (policy: Policy | null): boolean => policy !== null && verdict(policy, request).deny;
  if (policies.identity.some(denies)) return explicit('an identity-based policy');
  if (denies(policies.resource)) return explicit('a resource-based policy');
  if (denies(policies.boundary)) return explicit('a permissions boundary');
  if (policies.session.some(denies)) return explicit('a session policy');

  const granted = policies.resource === null ? 'no' : verdict(policies.resource, request).allow;
  // A grant to the user or to this very session is not cut by boundary and session policies; one to its role is.
  if (granted === 'session') return ALLOWED;
  if (granted === 'no' && policies.resourceMustAllow) return implicit(request, 'role trust policy');
  const byIdentity = policies.identity.some((policy) => verdict(policy, request).allow !== 'no');
  if (granted !== 'principal' && !byIdentity) return implicit(request, 'identity-based policy');
  const { boundary, session } = policies;
  if (boundary !== null && verdict(boundary, request).allow === 'no') return implicit(request, 'permissions boundary');
  if (session.length > 0 && !session.some((policy) => verdict(policy, request).allow !== 'no'))
    return implicit(request, 'session policy');
  return ALLOWED;
}

function explicit(where: string): Decision {
  return { allowed: false, explicit: true, reason: `with an explicit deny in ${where}` };
}

function implicit(request: AccessRequest, kind: string): Decision {
  return { allowed: false, explicit: false, reason: `because no ${kind} allows the ${request.action} action` };
}

/**
 * How closely an entry names the principal: `account` only lets the account's own policies decide, `principal` grants
 * to the role behind a session, `session` to exactly the caller.
 */
type Closeness = 'no' | 'account' | 'principal' | 'session';
const RANK: Record<Closeness, number> = { no: 0, account: 1, principal: 2, session: 3 };

function verdict(policy: Policy, request: AccessRequest): { allow: Closeness; deny: boolean } {
  let allow: Closeness = 'no';
  let deny = false;
  for (const statement of policy.statements) {
    const closeness = applies(statement, request, policy.version === '2012-10-17');
    if (closeness === 'no') continue;
    if (statement.effect === 'Deny') deny = true;
    else if (RANK[closeness] > RANK[allow]) allow = closeness;
  }
  return { allow, deny };
}

function applies(statement: Statement, request: AccessRequest, variables: boolean): Closeness {
  const closeness = statement.principals === null ? 'session' : named(statement.principals, request.principal);
  if (closeness === 'no') return 'no';
  const action = request.action.toLowerCase();
  if (!listed(statement.actions, (entry) => globMatches(glob(entry.toLowerCase()), action))) return 'no';
  const onResource = (entry: string): boolean => {
    const pattern = expand(entry, request.context, variables);
    return pattern !== null && globMatches(pattern, request.resource);
  };
  if (statement.resources !== null && !listed(statement.resources, onResource)) return 'no';
  return conditionsMet(statement.conditions, request.context, variables) ? closeness : 'no';
}

function listed<T>(list: Listed<T>, test: (entry: T) => boolean): boolean {
  return list.entries.some(test) !== list.not;
}

function named(list: Listed<PrincipalEntry>, principal: AccessRequest['principal']): Closeness {
  let best: Closeness = 'no';
  for (const entry of list.entries) {
    const closeness = matches(entry, principal);
    if (RANK[closeness] > RANK[best]) best = closeness;
  }
  if (!list.not) return best;
  // NotPrincipal spares those it names; naming the account spares nobody but the account itself.
  return best === 'principal' || best === 'session' ? 'no' : 'principal';
}

function matches(entry: PrincipalEntry, principal: AccessRequest['principal']): Closeness {
  if (entry.type === '*') return 'principal';
  if (principal.kind === 'service')
    return entry.type === 'Service' && entry.value === principal.service ? 'session' : 'no';
  if (entry.type !== 'AWS') return 'no';
  if (entry.value === '*') return 'principal';
  if (principal.kind === 'anonymous') return 'no';
  if (entry.value === principal.arn) return 'session';
  if (principal.kind === 'assumed-role' && entry.value === principal.roleArn) return 'principal';
  return entry.value === principal.accountId || entry.value === `arn:aws:iam::${principal.accountId}:root`
    ? 'account'
    : 'no';
}
