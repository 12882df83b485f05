/** STS: who am I, and sessions of roles. The query protocol: form in, XML out. STS API reference, 2011-06-15. */
import type { RoleRecord, SessionRecord } from '../auth/identities.ts';
import type { SandboxRequest, SandboxResponse, Service, ServiceContext } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';
import { denial } from '../policy/authorizer.ts';
import { PolicyError, parsePolicy } from '../policy/document.ts';
import { type XmlValue, xmlDocument } from '../xml/write.ts';

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

type Form = URLSearchParams;
type Action = (context: ServiceContext, request: SandboxRequest, form: Form) => XmlValue;

const ACTIONS: Readonly<Record<string, Action>> = {
  GetCallerIdentity: getCallerIdentity,
  AssumeRole: assumeRole,
  GetSessionToken: getSessionToken,
};

export function stsService(context: ServiceContext): Service {
  return {
    name: 'sts',
    operation: async (request) => (await formOf(request)).get('Action') ?? '-',
    handle: (request) => handle(context, request),
    failure,
    inventory: async () => [],
  };
}

async function formOf(request: SandboxRequest): Promise<Form> {
  if (request.method === 'GET') return request.query;
  return new URLSearchParams(Buffer.from(await request.body.bytes()).toString('utf8'));
}

async function handle(context: ServiceContext, request: SandboxRequest): Promise<SandboxResponse> {
  const form = await formOf(request);
  const name = form.get('Action') ?? '';
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (action === undefined)
    throw new ServiceError(
      400,
      'InvalidAction',
      `Could not find operation ${name} for version ${form.get('Version') ?? ''}`,
    );
  if (request.principal.kind === 'anonymous')
    throw new ServiceError(403, 'MissingAuthenticationToken', 'Request is missing Authentication Token');
  const body = xmlDocument(
    `${name}Response`,
    { [`${name}Result`]: action(context, request, form), ResponseMetadata: { RequestId: request.id } },
    NAMESPACE,
  );
  return { status: 200, headers: { 'Content-Type': 'text/xml' }, body };
}

function failure(error: ServiceError, request: Pick<SandboxRequest, 'id'>): SandboxResponse {
  const type = error.status >= 500 ? 'Receiver' : 'Sender';
  const body = xmlDocument(
    'ErrorResponse',
    { Error: { Type: type, Code: error.code, Message: error.message }, RequestId: request.id },
    NAMESPACE,
  );
  return { status: error.status, headers: { 'Content-Type': 'text/xml' }, body };
}

/** Needs no permission, and an explicit deny does not stop it. */
function getCallerIdentity(_context: ServiceContext, { principal }: SandboxRequest): XmlValue {
  if (principal.kind === 'anonymous') return {};
  return { Arn: principal.arn, UserId: principal.userId, Account: principal.accountId };
}

/** STS API reference: an hour at most for a role that was reached through another role. */
const CHAINED_SECONDS = 3600;

function assumeRole(context: ServiceContext, request: SandboxRequest, form: Form): XmlValue {
  const arn = required(form, 'RoleArn');
  const sessionName = required(form, 'RoleSessionName');
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName))
    throw validation(
      `Value '${sessionName}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*`,
    );
  const role = context.identities.roles().find((one) => context.identities.roleArn(one) === arn);
  const tags = listed(form, 'Tags.member').map((at): [string, string] => [
    form.get(`${at}.Key`) ?? '',
    form.get(`${at}.Value`) ?? '',
  ]);
  const refused =
    role === undefined
      ? `User: ${nameOf(request)} is not authorized to perform: sts:AssumeRole on resource: ${arn}`
      : mayAssume(context, request, role, arn, sessionName, form);
  // A role that is not there and one that is not trusted look the same to the caller.
  if (role === undefined || refused !== null) throw new ServiceError(403, 'AccessDenied', refused ?? '');
  const seconds = duration(form, { least: 900, most: role.maxSessionSeconds, usual: 3600 });
  if (request.principal.kind === 'assumed-role' && seconds > CHAINED_SECONDS)
    throw validation(
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
    );
  const session = context.identities.openSession(
    { kind: 'role', roleName: role.name, sessionName },
    { seconds, policies: sessionPolicies(context, form), tags: Object.fromEntries(tags) },
  );
  return {
    Credentials: credentials(session),
    AssumedRoleUser: {
      AssumedRoleId: `${role.id}:${sessionName}`,
      Arn: `arn:aws:sts::${context.accountId}:assumed-role/${role.name}/${sessionName}`,
    },
  };
}

function nameOf({ principal }: SandboxRequest): string {
  return principal.kind === 'anonymous' ? 'anonymous' : principal.arn;
}

/** Null when the trust policy and the caller's own policies agree; otherwise AWS's sentence. */
function mayAssume(
  context: ServiceContext,
  request: SandboxRequest,
  role: RoleRecord,
  arn: string,
  sessionName: string,
  form: Form,
): string | null {
  const externalId = form.get('ExternalId');
  const actions = listed(form, 'Tags.member').length > 0 ? ['sts:AssumeRole', 'sts:TagSession'] : ['sts:AssumeRole'];
  for (const action of actions) {
    const question = {
      action,
      resource: arn,
      resourcePolicy: role.trustPolicy,
      context: { 'sts:RoleSessionName': sessionName, ...(externalId === null ? {} : { 'sts:ExternalId': externalId }) },
    };
    const decision = context.decide(request, question);
    if (!decision.allowed) return denial(request, question, decision);
  }
  return null;
}

/** Policies that cut the session: an inline document and managed ones. */
function sessionPolicies(context: ServiceContext, form: Form): string[] {
  const policies: string[] = [];
  const inline = form.get('Policy');
  if (inline !== null) {
    try {
      parsePolicy(inline, 'identity');
    } catch (cause) {
      if (cause instanceof PolicyError) throw new ServiceError(400, 'MalformedPolicyDocument', cause.message);
      throw cause;
    }
    policies.push(inline);
  }
  for (const at of listed(form, 'PolicyArns.member')) {
    const arn = form.get(`${at}.arn`) ?? '';
    const policy = context.identities.managedPolicy(arn);
    if (policy === null) throw validation(`Policy ${arn} does not exist`);
    policies.push(policy.document);
  }
  return policies;
}

function getSessionToken(context: ServiceContext, request: SandboxRequest, form: Form): XmlValue {
  const { principal } = request;
  if (principal.kind !== 'user' || !principal.accessKeyId.startsWith('AKIA'))
    throw new ServiceError(403, 'AccessDenied', 'Cannot call GetSessionToken with session credentials');
  const seconds = duration(form, { least: 900, most: 129_600, usual: 43_200 });
  const session = context.identities.openSession({ kind: 'user', userName: principal.userName }, { seconds });
  return { Credentials: credentials(session) };
}

function credentials(session: SessionRecord): XmlValue {
  return {
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: session.secretAccessKey,
    SessionToken: session.sessionToken,
    Expiration: new Date(session.expiresAt).toISOString(),
  };
}

function duration(form: Form, { least, most, usual }: { least: number; most: number; usual: number }): number {
  const text = form.get('DurationSeconds');
  if (text === null) return Math.min(usual, most);
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < least)
    throw validation(
      `Value '${text}' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to ${least}`,
    );
  if (seconds > most)
    throw validation('The requested DurationSeconds exceeds the MaxSessionDuration set for this role.');
  return seconds;
}

function required(form: Form, name: string): string {
  const value = form.get(name);
  if (!value)
    throw validation(
      `1 validation error detected: Value null at '${name}' failed to satisfy constraint: Member must not be null`,
    );
  return value;
}

/** `Tags.member.1`, `Tags.member.2`, … as far as they go. */
function listed(form: Form, prefix: string): string[] {
  const numbers = new Set<number>();
  for (const key of form.keys()) {
    const number = key.startsWith(`${prefix}.`) ? Number(key.slice(prefix.length + 1).split('.')[0]) : Number.NaN;
    if (Number.isInteger(number)) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b).map((number) => `${prefix}.${number}`);
}

function validation(message: string): ServiceError {
  return new ServiceError(400, 'ValidationError', message);
}
