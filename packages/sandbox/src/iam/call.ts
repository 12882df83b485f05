/** One IAM request on its way, with its authorization and IAM's names for things. */
import type { RoleRecord, UserRecord } from '../auth/identities.ts';
import type { Parameters } from '../ec2/parameters.ts';
import type { SandboxRequest, ServiceContext } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';
import { denial } from '../policy/authorizer.ts';
import { PolicyError, type PolicyKind, parsePolicy } from '../policy/document.ts';
import type { XmlValue } from '../xml/write.ts';
import type { ProfileRecord, ProfileStore } from './profiles.ts';

export interface Call {
  readonly action: string;
  readonly request: SandboxRequest;
  readonly parameters: Parameters;
  readonly context: ServiceContext;
  readonly profiles: ProfileStore;
}

/** An operation: returns the elements of its result, or null when AWS's answer has none. */
export type Operation = (call: Call) => XmlValue | null;

/** Asks the policies for the call's action on a resource. Throws AccessDenied in AWS's words. */
export function authorize(
  call: Call,
  resource: string,
  tags: Readonly<Record<string, string>> = {},
  more: Readonly<Record<string, string | readonly string[]>> = {},
): void {
  const context: Record<string, string | readonly string[]> = { ...more };
  for (const [key, value] of Object.entries(tags)) {
    context[`aws:ResourceTag/${key}`] = value;
    context[`iam:ResourceTag/${key}`] = value;
  }
  const question = { action: `iam:${call.action}`, resource, context };
  const decision = call.context.decide(call.request, question);
  if (!decision.allowed) throw new ServiceError(403, 'AccessDenied', denial(call.request, question, decision));
}

export function requestTags(tags: Readonly<Record<string, string>>): Record<string, string | readonly string[]> {
  const context: Record<string, string | readonly string[]> = {};
  for (const [key, value] of Object.entries(tags)) context[`aws:RequestTag/${key}`] = value;
  if (Object.keys(tags).length > 0) context['aws:TagKeys'] = Object.keys(tags);
  return context;
}

export function noSuch(message: string): ServiceError {
  return new ServiceError(404, 'NoSuchEntity', message);
}

export function exists(message: string): ServiceError {
  return new ServiceError(409, 'EntityAlreadyExists', message);
}

export function conflict(message: string): ServiceError {
  return new ServiceError(409, 'DeleteConflict', message);
}

/** A name by IAM's rules. Throws ValidationError. */
export function nameIn(call: Call, parameter: string, longest: number): string {
  const name = call.parameters.required(parameter);
  if (!/^[\w+=,.@-]+$/.test(name) || name.length > longest)
    throw new ServiceError(
      400,
      'ValidationError',
      `The specified value for ${parameter} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_- and have at most ${longest} of them`,
    );
  return name;
}

export function pathIn(call: Call): string {
  const path = call.parameters.get('Path') ?? '/';
  if (!/^\/([!-~]+\/)?$/.test(path))
    throw new ServiceError(
      400,
      'ValidationError',
      'The specified value for path is invalid. It must begin and end with /',
    );
  return path;
}

/** `Tags.member.N`. */
export function tagsIn(call: Call): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const tag of call.parameters.structures('Tags')) tags[tag.required('Key')] = tag.get('Value') ?? '';
  return tags;
}

/** A policy document by parameter, checked. Throws MalformedPolicyDocument. */
export function policyIn(call: Call, parameter: string, kind: PolicyKind): string {
  const text = call.parameters.required(parameter);
  try {
    parsePolicy(text, kind);
  } catch (error) {
    if (error instanceof PolicyError)
      throw new ServiceError(400, 'MalformedPolicyDocument', error.message, { cause: error });
    throw error;
  }
  return text;
}

export function roleIn(call: Call, parameter = 'RoleName'): RoleRecord {
  const name = call.parameters.required(parameter);
  const role = call.context.identities.role(name);
  authorize(call, role ? call.context.identities.roleArn(role) : arn(call, 'role', '/', name), role?.tags);
  if (role === null) throw noSuch(`The role with name ${name} cannot be found.`);
  return role;
}

export function userIn(call: Call): UserRecord {
  const { identities } = call.context;
  const { principal } = call.request;
  const name = call.parameters.get('UserName') ?? (principal.kind === 'user' ? principal.userName : undefined);
  if (name === undefined)
    throw new ServiceError(400, 'ValidationError', 'Must specify userName when calling with non-User credentials');
  const user = identities.user(name);
  authorize(call, user ? identities.userArn(user) : arn(call, 'user', '/', name), user?.tags);
  if (user === null) throw noSuch(`The user with name ${name} cannot be found.`);
  return user;
}

export function profileIn(call: Call): ProfileRecord {
  const name = call.parameters.required('InstanceProfileName');
  const profile = call.profiles.get(name);
  authorize(call, profile ? call.profiles.arn(profile) : arn(call, 'instance-profile', '/', name), profile?.tags);
  if (profile === null) throw noSuch(`Instance Profile ${name} cannot be found.`);
  return profile;
}

export function arn(call: Call, kind: string, path: string, name: string): string {
  return `arn:aws:iam::${call.context.accountId}:${kind}${path}${name}`;
}

/** IAM wraps the members of every list in `member`. */
export function list(items: readonly XmlValue[]): XmlValue {
  return { member: items };
}

export function tagList(tags: Readonly<Record<string, string>>): XmlValue {
  return list(Object.entries(tags).map(([Key, Value]) => ({ Key, Value })));
}

export function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Documents travel percent-encoded (RFC 3986) in answers. */
export function encoded(document: string): string {
  return encodeURIComponent(document).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** One page of a list by MaxItems and Marker, under the list's element name. */
export function paged<T>(call: Call, name: string, items: readonly T[], show: (item: T) => XmlValue): XmlValue {
  const size = call.parameters.integer('MaxItems', 100, 1, 1000);
  const marker = call.parameters.get('Marker');
  const start = marker === undefined ? 0 : Number(Buffer.from(marker, 'base64').toString('latin1'));
  if (!Number.isInteger(start) || start < 0) throw new ServiceError(400, 'ValidationError', 'Invalid Marker');
  const more = start + size < items.length;
  return {
    [name]: list(items.slice(start, start + size).map(show)),
    IsTruncated: more,
    Marker: more ? Buffer.from(String(start + size)).toString('base64') : undefined,
  };
}

export function underPath<T extends { readonly path: string; readonly name: string }>(
  call: Call,
  all: readonly T[],
): T[] {
  const prefix = call.parameters.get('PathPrefix') ?? '/';
  return all.filter((one) => one.path.startsWith(prefix)).sort((a, b) => (a.name < b.name ? -1 : 1));
}
