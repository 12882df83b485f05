/**
 * Instance profiles: the holder through which EC2 gives a role to an instance. IAM writes them, EC2 and instance
 * metadata read them. One JSON file. On demand they settle late for EC2, as on AWS.
 */
import { dirname } from 'node:path';
import type { IdentityStore } from '../auth/identities.ts';
import type { ServiceContext } from '../http/service.ts';
import { readJson, writeJson } from '../store/json-file.ts';

export interface ProfileRecord {
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly createdAt: number;
  readonly tags: Readonly<Record<string, string>>;
  /** At most one, as AWS allows. */
  readonly roleName: string | null;
  readonly roleSince: number;
}

export class ProfileStore {
  readonly #path: string;
  readonly #accountId: string;
  readonly #records: Record<string, ProfileRecord>;

  constructor(path: string, accountId: string) {
    this.#path = path;
    this.#accountId = accountId;
    this.#records = readJson<Record<string, ProfileRecord>>(path) ?? {};
  }

  get(name: string): ProfileRecord | null {
    return Object.hasOwn(this.#records, name) ? (this.#records[name] ?? null) : null;
  }

  byArn(arn: string): ProfileRecord | null {
    return this.all().find((profile) => this.arn(profile) === arn) ?? null;
  }

  all(): readonly ProfileRecord[] {
    return Object.values(this.#records);
  }

  put(profile: ProfileRecord): void {
    this.#records[profile.name] = profile;
    writeJson(this.#path, this.#records);
  }

  remove(name: string): void {
    delete this.#records[name];
    writeJson(this.#path, this.#records);
  }

  arn(profile: Pick<ProfileRecord, 'path' | 'name'>): string {
    return `arn:aws:iam::${this.#accountId}:instance-profile${profile.path}${profile.name}`;
  }
}

const STORES = new WeakMap<IdentityStore, ProfileStore>();

/** The profiles of this sandbox's account; the same store for every service that asks. */
export function profilesOf(context: ServiceContext): ProfileStore {
  let store = STORES.get(context.identities);
  if (store === undefined) {
    store = new ProfileStore(`${dirname(context.directory)}/instance-profiles.json`, context.accountId);
    STORES.set(context.identities, store);
  }
  return store;
}
