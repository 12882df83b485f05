/** Adding, listing and removing keys: each is another password for the same master key. */
import type { Platform, SealingKey } from '@hostark/kernels';
import { HostarkError } from '@hostark/protocol';
import type { Backend } from '../backend.ts';
import type { Instant } from '../encoding/time.ts';
import { type KeyId, objectId, toHex } from '../ids.ts';
import { sealBytes } from '../unpacked.ts';
import { encodeKeyFile, encodeMasterKey, type KeyFile, SALT_BYTES, type ScryptCost } from './key-file.ts';
import { listKeyIds, loadKeyFile, openKey } from './open-key.ts';
import { KEY_COST, type Password, passwordSealer } from './password.ts';

/** Who makes a key, and how dear it is to try. Without `cost` it is KEY_COST. */
export interface NewKeyOptions {
  readonly password: Password;
  readonly username: string;
  readonly hostname: string;
  readonly created: Instant;
  readonly cost?: ScryptCost | undefined;
}

/** What key functions need of a repository. */
export interface KeyRing {
  readonly backend: Backend;
  readonly platform: Platform;
  readonly key: SealingKey;
  readonly keyId: KeyId;
}

/** Stores a key file for a master key. */
export async function storeKey(
  backend: Backend,
  platform: Platform,
  master: SealingKey,
  options: NewKeyOptions,
): Promise<KeyId> {
  const { username, hostname, created } = options;
  const cost = options.cost ?? KEY_COST;
  const salt = platform.randomBytes(SALT_BYTES);
  const sealer = await passwordSealer(platform, options.password, salt, cost);
  const file: KeyFile = { created, username, hostname, cost, salt, data: sealBytes(sealer, encodeMasterKey(master)) };
  const bytes = encodeKeyFile(file);
  const sha256 = platform.sha256(bytes);
  const id = objectId('keys', toHex(sha256));
  await backend.save({ type: 'keys', name: id }, bytes, { sha256 });
  return id;
}

/** Adds a password to a repository; the new key is opened once before this returns. */
export async function addKey(ring: KeyRing, options: NewKeyOptions): Promise<KeyId> {
  const id = await storeKey(ring.backend, ring.platform, ring.key, options);
  if ((await openKey(ring.backend, ring.platform, id, options.password)) === null) {
    await ring.backend.remove({ type: 'keys', name: id });
    throw new HostarkError('internal', `key ${id} does not open with its own password; it was removed again`);
  }
  return id;
}

/** One key as `key list` shows it. */
export interface ListedKey {
  readonly id: KeyId;
  readonly current: boolean;
  readonly file: KeyFile;
}

/** Returns all keys. Throws for one that is damaged, naming it. */
export async function listKeys(ring: KeyRing): Promise<ListedKey[]> {
  const keys: ListedKey[] = [];
  for (const id of await listKeyIds(ring.backend)) {
    keys.push({ id, current: id === ring.keyId, file: await loadKeyFile(ring.backend, ring.platform, id) });
  }
  return keys;
}

/** Removes a key. Throws 'usage' for the one in use. Does not take back a master key that somebody copied. */
export async function removeKey(ring: KeyRing, id: KeyId): Promise<void> {
  if (id === ring.keyId) {
    throw new HostarkError('usage', `key ${id} is the one in use and cannot be removed`, {
      hint: 'open the repository with another password first',
    });
  }
  await ring.backend.remove({ type: 'keys', name: id });
}
