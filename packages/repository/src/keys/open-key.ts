/**
 * Finding the key file that a password opens: one that is known from before first, without a look at the others. Format: restic
 * `internal/repository/key.go`, SearchKey: the hinted key first, then at most 20 others; a wrong password goes on to the next
 * key, anything else ends the search.
 */
import type { Platform, SealingKey } from '@hostark/kernels';
import { HostarkError, isHostarkError } from '@hostark/protocol';
import type { Backend } from '../backend.ts';
import { objectName } from '../damage.ts';
import { isHexId, type KeyId, objectId, toHex } from '../ids.ts';
import { openBytes } from '../unpacked.ts';
import { decodeKeyFile, decodeMasterKey, type KeyFile } from './key-file.ts';
import { fits, type LikelyKey } from './known-key.ts';
import { type Password, passwordSealer } from './password.ts';

/** restic tries so many keys and no more. */
export const MAX_KEYS = 20;

/** The key that opened a repository. */
export interface OpenedKey {
  readonly id: KeyId;
  readonly file: KeyFile;
  readonly master: SealingKey;
}

/** Loads and parses a key file. Throws 'repository-damaged' naming it when it is not whole. */
export async function loadKeyFile(backend: Backend, platform: Platform, id: KeyId): Promise<KeyFile> {
  const bytes = await backend.load({ type: 'keys', name: id });
  try {
    const digest = toHex(platform.sha256(bytes));
    if (digest !== id)
      throw new SyntaxError(`expected a file with that SHA-256, got ${bytes.length} bytes with ${digest}`);
    return decodeKeyFile(bytes);
  } catch (cause) {
    throw new HostarkError('repository-damaged', `${objectName('keys', id)} is damaged: ${(cause as Error).message}`, {
      hint: 'open the repository with another key (--key-hint), then remove the damaged one',
      context: { type: 'keys', id },
      cause,
    });
  }
}

/** Opens one key file, with what `likely` has begun if it is the one. Returns null when the password is not its password. */
export async function openKey(
  backend: Backend,
  platform: Platform,
  id: KeyId,
  password: Password,
  likely: LikelyKey | null = null,
): Promise<OpenedKey | null> {
  const file = await loadKeyFile(backend, platform, id);
  const begun = likely !== null && fits(likely, file) ? likely.sealer : null;
  const sealer = await (begun ?? passwordSealer(platform, password, file.salt, file.cost));
  const plain = openBytes(sealer, file.data);
  if (plain === null) return null;
  try {
    return { id, file, master: decodeMasterKey(plain) };
  } catch (cause) {
    throw new HostarkError('repository-damaged', `${objectName('keys', id)} opened, but holds no master key`, {
      context: { type: 'keys', id },
      cause,
    });
  }
}

/**
 * Finds the key that the password opens. `keyHint` is an id or the beginning of one; `likely` is tried before all others, and
 * forgotten if it is no key of this repository any more, or not this password's. Throws 'wrong-password'.
 */
export async function findKey(
  backend: Backend,
  platform: Platform,
  password: Password,
  keyHint?: string,
  likely: LikelyKey | null = null,
): Promise<OpenedKey> {
  if (likely !== null) {
    const opened = await openKey(backend, platform, likely.known.id, password, likely).catch((error: unknown) => {
      if (isHostarkError(error, 'object-missing') || isHostarkError(error, 'repository-damaged')) return null;
      throw error;
    });
    if (opened !== null) return opened;
  }
  const ids = await listKeyIds(backend);
  const hinted = keyHint === undefined || keyHint === '' ? [] : ids.filter((id) => id.startsWith(keyHint));
  if (hinted.length === 1) {
    // As in restic, a hinted key that cannot be used does not end the search.
    const opened = await openKey(backend, platform, hinted[0]!, password, likely).catch(() => null);
    if (opened !== null) return opened;
  }
  const others = ids.filter((id) => hinted.length !== 1 || id !== hinted[0]);
  for (const id of others.slice(0, MAX_KEYS)) {
    const opened = await openKey(backend, platform, id, password, likely);
    if (opened !== null) return opened;
  }
  const tried = Math.min(others.length, MAX_KEYS) + (hinted.length === 1 ? 1 : 0);
  throw new HostarkError(
    'wrong-password',
    `the password opens none of ${tried} keys tried, of ${ids.length} there are`,
    {
      hint:
        ids.length > tried
          ? `only ${MAX_KEYS} keys are tried: name yours with --key-hint`
          : 'check the password and the repository location',
    },
  );
}

/** Returns the ids of all keys, in the backend's order. */
export async function listKeyIds(backend: Backend): Promise<KeyId[]> {
  const ids: KeyId[] = [];
  for await (const { name } of backend.list('keys')) if (isHexId(name)) ids.push(objectId('keys', name));
  return ids;
}
