/**
 * The repository of a host: where it is, and its password. The password is random, made at the first backup and kept
 * sealed on this machine; it reaches the host on the agent's stdin alone.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type Host, locateBucket } from '@hostark/cloud';
import { HostarkError, type RepositoryAccess } from '@hostark/protocol';
import type { Cloud } from './cloud.ts';

/** Where a host's backups are: known as long as the bucket is, also when the host is gone. */
export interface HostStore {
  readonly host: string;
  readonly bucket: string;
  readonly prefix: string;
  /** Of the bucket, where it is known to be another than that of the clients. */
  readonly region?: string;
}

/** Returns the prefix of a host's repository in its bucket, with a slash at the end. */
export function hostPrefix(host: string): string {
  return `hosts/${host}/`;
}

/** Returns where the host backs up into. Throws 'usage' for a host that was launched without a bucket. */
export function storeOf(host: Host): HostStore {
  if (host.bucket === null) {
    throw new HostarkError('usage', `expected a host that is tied to a bucket, ${host.name} is not`, {
      hint: `launch it with: hostark host launch ${host.name} --bucket NAME`,
    });
  }
  return { host: host.name, bucket: host.bucket, prefix: host.prefix ?? hostPrefix(host.name) };
}

/** Returns the location in restic's notation, for this cloud's endpoint. */
export function repositoryLocation(cloud: Cloud, store: HostStore): string {
  const endpoint =
    cloud.clients.endpoint ??
    `https://s3.${store.region ?? cloud.clients.region}.amazonaws.com${cloud.clients.partition === 'aws-cn' ? '.cn' : ''}`;
  return `s3:${endpoint.replace(/\/$/, '')}/${store.bucket}/${store.prefix.replace(/\/$/, '')}`;
}

/** Location and region of a repository: its bucket may be in another region than the host, so that it outlives that one. */
async function placeOfStore(cloud: Cloud, store: HostStore): Promise<{ location: string; region: string }> {
  const region = store.region ?? (await locateBucket(cloud.clients, store.bucket));
  return { location: repositoryLocation(cloud, { ...store, region }), region };
}

/** A password belongs to a repository: a host launched to replace another one shares that one's place and password. */
function secretName({ bucket, prefix }: HostStore): string {
  const host = /^hosts\/([a-z0-9-]+)\/$/.exec(prefix)?.[1];
  const place = host ?? `at-${createHash('sha256').update(prefix).digest('hex').slice(0, 32)}`;
  return `repository.${bucket}.${place}`;
}

/** Returns access for a host that may not have a repository yet: a password is made and kept if there is none. */
export async function createAccess(cloud: Cloud, store: HostStore): Promise<RepositoryAccess> {
  const name = secretName(store);
  const password = (await cloud.secrets.read(name)) ?? (await cloud.secrets.keep(name, newPassword()));
  return { ...(await placeOfStore(cloud, store)), password };
}

/** Returns access as this machine knows it, or null where it has made no repository. Creates nothing. */
export async function knownAccess(cloud: Cloud, store: HostStore): Promise<RepositoryAccess | null> {
  const password = await cloud.secrets.read(secretName(store));
  return password === null ? null : { ...(await placeOfStore(cloud, store)), password };
}

/** Returns access to an existing repository. Throws 'wrong-password' if this machine has no password for it. */
export async function existingAccess(cloud: Cloud, store: HostStore): Promise<RepositoryAccess> {
  const access = await knownAccess(cloud, store);
  if (access !== null) return access;
  throw new HostarkError(
    'wrong-password',
    `this machine has no password for the backups of ${store.host} in ${store.bucket}`,
    { hint: 'run this on the machine that made the backups, or give --recovery-key-file FILE' },
  );
}

/** 160 random bits in groups of eight, without letters that look alike (Crockford's base 32). */
export function newPassword(): string {
  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
  const characters = [...randomBytes(32)].map((byte) => alphabet[byte % 32]!).join('');
  return characters.match(/.{1,8}/g)!.join('-');
}
