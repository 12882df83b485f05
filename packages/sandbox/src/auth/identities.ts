/**
 * The account's users, roles, policies, access keys and sessions: what the signature check and the policy evaluation
 * look up, and what the IAM service, STS and instance metadata write. One JSON file, replaced atomically at each
 * change; all calls are synchronous and take effect at once. Records are plain data: read, copy with changes, put back.
 */
import { randomBytes } from 'node:crypto';
import { readJson, writeJson } from '../store/json-file.ts';
import { ADMINISTRATOR_ACCESS, AWS_MANAGED } from './aws-managed.ts';
import type { Principal } from './principal.ts';

/** Inline policies by name and managed policies by ARN, shared by users and roles. */
export interface PolicyHolder {
  /** Policy name -> document as JSON text, as it was put. */
  readonly inlinePolicies: Readonly<Record<string, string>>;
  readonly attachedPolicyArns: readonly string[];
  readonly permissionsBoundaryArn?: string;
}

export interface UserRecord extends PolicyHolder {
  readonly name: string;
  /** Begins and ends with "/". */
  readonly path: string;
  readonly id: string;
  readonly createdAt: number;
  readonly tags: Readonly<Record<string, string>>;
  /** The user behind `adminCredentials`; not listed in the inventory. */
  readonly bootstrap?: boolean;
}

export interface RoleRecord extends PolicyHolder {
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly createdAt: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly description: string;
  /** Trust policy, JSON text. */
  readonly trustPolicy: string;
  readonly maxSessionSeconds: number;
}

export interface ManagedPolicyRecord {
  readonly arn: string;
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly createdAt: number;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  /** JSON text of the default version. */
  readonly document: string;
}

export interface AccessKeyRecord {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly userName: string;
  readonly active: boolean;
  readonly createdAt: number;
}

export interface SessionRecord {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly of:
    | { readonly kind: 'role'; readonly roleName: string; readonly sessionName: string }
    | { readonly kind: 'user'; readonly userName: string };
  /** Unique id of that role or user: one made anew under the same name does not revive old sessions. */
  readonly holderId: string;
  /** Session policies, JSON text; the session may do only what these allow as well. */
  readonly policies: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly instanceArn?: string;
}

/** A key that signs: its secret, and who that is now. */
export interface Credential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Session token that must come along; null for long-term keys. */
  readonly sessionToken: string | null;
  /** Milliseconds since the epoch; Infinity for long-term keys. */
  readonly expiresAt: number;
  readonly issuedAt: number;
  readonly principal: Principal;
}

/** The policies that bound a principal, as JSON texts. */
export interface PrincipalPolicies {
  readonly identity: readonly string[];
  /** Permissions boundary; null when there is none. */
  readonly boundary: string | null;
  /** Session policies; empty when there are none. */
  readonly session: readonly string[];
}

interface State {
  readonly accountId: string;
  readonly users: Record<string, UserRecord>;
  readonly roles: Record<string, RoleRecord>;
  readonly policies: Record<string, ManagedPolicyRecord>;
  readonly accessKeys: Record<string, AccessKeyRecord>;
  readonly sessions: Record<string, SessionRecord>;
}

const ID_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** An AWS-looking unique id: prefix (`AIDA`, `AROA`, `AKIA`, `ASIA`, `ANPA`, `AIPA`) and 16 letters of base 32. */
export function uniqueId(prefix: string): string {
  let id = prefix;
  for (const byte of randomBytes(16)) id += ID_LETTERS[byte & 31];
  return id;
}

/** A secret access key: 40 characters of base64. */
export function newSecret(): string {
  return randomBytes(30).toString('base64');
}

/** Sessions are forgotten this long after they end; until then their use answers ExpiredToken. */
const SESSION_GRACE_MS = 24 * 3600_000;

export class IdentityStore {
  readonly accountId: string;
  readonly #path: string;
  readonly #now: () => number;
  readonly #state: State;

  /** Opens or creates the account below `directory`. */
  constructor(directory: string, now: () => number) {
    this.#path = `${directory}/identities.json`;
    this.#now = now;
    this.#state = readJson<State>(this.#path) ?? this.#found();
    this.accountId = this.#state.accountId;
  }

  #found(): State {
    const digits = Array.from(randomBytes(12), (byte) => String(byte % 10));
    if (digits[0] === '0') digits[0] = '4';
    const state: State = {
      accountId: digits.join(''),
      users: {},
      roles: {},
      policies: {},
      accessKeys: {},
      sessions: {},
    };
    const createdAt = this.#now();
    state.users['sandbox-admin'] = {
      name: 'sandbox-admin',
      path: '/',
      id: uniqueId('AIDA'),
      createdAt,
      tags: {},
      inlinePolicies: {},
      attachedPolicyArns: [ADMINISTRATOR_ACCESS],
      bootstrap: true,
    };
    const key = { accessKeyId: uniqueId('AKIA'), secretAccessKey: newSecret() };
    state.accessKeys[key.accessKeyId] = { ...key, userName: 'sandbox-admin', active: true, createdAt };
    writeJson(this.#path, state);
    return state;
  }

  #save(): void {
    writeJson(this.#path, this.#state);
  }

  /** The long-term key of the bootstrap administrator. */
  adminCredentials(): { accessKeyId: string; secretAccessKey: string } {
    for (const key of Object.values(this.#state.accessKeys))
      if (this.#state.users[key.userName]?.bootstrap)
        return { accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey };
    throw new RangeError('the sandbox account has lost its administrator key');
  }

  user(name: string): UserRecord | null {
    return own(this.#state.users, name);
  }
  users(): readonly UserRecord[] {
    return Object.values(this.#state.users);
  }
  putUser(user: UserRecord): void {
    this.#state.users[user.name] = user;
    this.#save();
  }
  /** Removes the user and its access keys. */
  removeUser(name: string): void {
    delete this.#state.users[name];
    for (const key of Object.values(this.#state.accessKeys))
      if (key.userName === name) delete this.#state.accessKeys[key.accessKeyId];
    this.#save();
  }

  role(name: string): RoleRecord | null {
    return own(this.#state.roles, name);
  }
  roles(): readonly RoleRecord[] {
    return Object.values(this.#state.roles);
  }
  putRole(role: RoleRecord): void {
    this.#state.roles[role.name] = role;
    this.#save();
  }
  /** Removes the role; its sessions stop working. */
  removeRole(name: string): void {
    delete this.#state.roles[name];
    this.#save();
  }

  /** Customer managed or AWS managed policy by ARN. */
  managedPolicy(arn: string): ManagedPolicyRecord | null {
    const document = own(AWS_MANAGED, arn);
    if (document === null) return own(this.#state.policies, arn);
    const name = arn.slice(arn.lastIndexOf('/') + 1);
    return {
      arn,
      name,
      path: '/',
      id: `ANPA${name.toUpperCase().slice(0, 16)}`,
      createdAt: 0,
      description: '',
      tags: {},
      document,
    };
  }
  /** Customer managed policies. */
  managedPolicies(): readonly ManagedPolicyRecord[] {
    return Object.values(this.#state.policies);
  }
  putManagedPolicy(policy: ManagedPolicyRecord): void {
    this.#state.policies[policy.arn] = policy;
    this.#save();
  }
  removeManagedPolicy(arn: string): void {
    delete this.#state.policies[arn];
    this.#save();
  }

  accessKeys(userName: string): readonly AccessKeyRecord[] {
    return Object.values(this.#state.accessKeys).filter((key) => key.userName === userName);
  }
  putAccessKey(key: AccessKeyRecord): void {
    this.#state.accessKeys[key.accessKeyId] = key;
    this.#save();
  }
  removeAccessKey(accessKeyId: string): void {
    delete this.#state.accessKeys[accessKeyId];
    this.#save();
  }

  roleArn(role: RoleRecord): string {
    return `arn:aws:iam::${this.accountId}:role${role.path}${role.name}`;
  }
  userArn(user: UserRecord): string {
    return `arn:aws:iam::${this.accountId}:user${user.path}${user.name}`;
  }

  /** Makes credentials of a session (of a role, or of a user for GetSessionToken). The caller has checked that it may. */
  openSession(
    of: SessionRecord['of'],
    more: {
      seconds: number;
      policies?: readonly string[];
      tags?: Readonly<Record<string, string>>;
      instanceArn?: string;
    },
  ): SessionRecord {
    const now = this.#now();
    for (const old of Object.values(this.#state.sessions))
      if (old.expiresAt + SESSION_GRACE_MS < now) delete this.#state.sessions[old.accessKeyId];
    const holder = of.kind === 'role' ? this.role(of.roleName) : this.user(of.userName);
    if (holder === null) throw new RangeError(`no such ${of.kind} to open a session of`);
    const session: SessionRecord = {
      accessKeyId: uniqueId('ASIA'),
      secretAccessKey: newSecret(),
      sessionToken: randomBytes(120).toString('base64'),
      issuedAt: now,
      expiresAt: now + more.seconds * 1000,
      of,
      holderId: holder.id,
      policies: more.policies ?? [],
      tags: more.tags ?? {},
      ...(more.instanceArn === undefined ? {} : { instanceArn: more.instanceArn }),
    };
    this.#state.sessions[session.accessKeyId] = session;
    this.#save();
    return session;
  }

  /** Who signs with this access key; null when the key is unknown, inactive, or its role or user is gone. */
  credential(accessKeyId: string): Credential | null {
    const key = own(this.#state.accessKeys, accessKeyId);
    if (key !== null) {
      const user = this.user(key.userName);
      if (!key.active || user === null) return null;
      return {
        accessKeyId,
        secretAccessKey: key.secretAccessKey,
        sessionToken: null,
        expiresAt: Number.POSITIVE_INFINITY,
        issuedAt: key.createdAt,
        principal: this.#userPrincipal(user, accessKeyId),
      };
    }
    const session = own(this.#state.sessions, accessKeyId);
    if (session === null) return null;
    const principal = this.#sessionPrincipal(session);
    if (principal === null) return null;
    const { secretAccessKey, sessionToken, expiresAt, issuedAt } = session;
    return { accessKeyId, secretAccessKey, sessionToken, expiresAt, issuedAt, principal };
  }

  #userPrincipal(user: UserRecord, accessKeyId: string): Principal {
    return {
      kind: 'user',
      accountId: this.accountId,
      arn: this.userArn(user),
      userId: user.id,
      userName: user.name,
      tags: user.tags,
      accessKeyId,
    };
  }

  #sessionPrincipal(session: SessionRecord): Principal | null {
    if (session.of.kind === 'user') {
      const user = this.user(session.of.userName);
      return user?.id === session.holderId ? this.#userPrincipal(user, session.accessKeyId) : null;
    }
    const role = this.role(session.of.roleName);
    if (role?.id !== session.holderId) return null;
    return {
      kind: 'assumed-role',
      accountId: this.accountId,
      arn: `arn:aws:sts::${this.accountId}:assumed-role/${role.name}/${session.of.sessionName}`,
      roleArn: this.roleArn(role),
      roleName: role.name,
      sessionName: session.of.sessionName,
      userId: `${role.id}:${session.of.sessionName}`,
      tags: { ...role.tags, ...session.tags },
      accessKeyId: session.accessKeyId,
      ...(session.instanceArn === undefined ? {} : { instanceArn: session.instanceArn }),
    };
  }

  /** When a session was opened; null for long-term keys. */
  issuedAt(accessKeyId: string): number | null {
    return own(this.#state.sessions, accessKeyId)?.issuedAt ?? null;
  }

  /** The policies that bound this principal now (not at the time it signed in). */
  policiesOf(principal: Principal): PrincipalPolicies {
    if (principal.kind === 'anonymous') return { identity: [], boundary: null, session: [] };
    const holder = principal.kind === 'user' ? this.user(principal.userName) : this.role(principal.roleName);
    if (holder === null) return { identity: [], boundary: null, session: [] };
    const attached = holder.attachedPolicyArns.flatMap((arn) => this.managedPolicy(arn)?.document ?? []);
    const boundary = holder.permissionsBoundaryArn;
    return {
      identity: [...Object.values(holder.inlinePolicies), ...attached],
      boundary: boundary === undefined ? null : (this.managedPolicy(boundary)?.document ?? DENY_ALL),
      session: own(this.#state.sessions, principal.accessKeyId)?.policies ?? [],
    };
  }
}

/** A boundary that points to a policy that is gone allows nothing. */
const DENY_ALL = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Deny', Action: '*', Resource: '*' }],
});

function own<T>(record: Readonly<Record<string, T>>, key: string): T | null {
  return Object.hasOwn(record, key) ? (record[key] as T) : null;
}
