/**
 * Begins to derive the key that a repository will most likely be opened with, as soon as location and password are known: what
 * opens it has not even been loaded. A guess; who opens it looks for himself, and takes over what was begun if he wants the same.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BegunKey, beginToDerive, type KeyMemoryUse } from '@hostark/kernels';
import { keyMemory } from '../cache/key-memory.ts';
import { utf8 } from '../encoding/bytes.ts';
import { isHexId } from '../ids.ts';
import { decodeKeyFile, type KeyFile } from '../keys/key-file.ts';
import { DERIVED_BYTES } from '../keys/password.ts';
import { parseLocation } from './place.ts';

export interface LikelyRepository {
  readonly location: string;
  readonly password: string;
  /** Folder of caches; undefined: nothing is remembered of places far away. */
  readonly cacheDirectory: string | undefined;
  /** Another key than what would be tried first. */
  readonly keyHint: string | undefined;
  /** What deriving may take; default 'little'. */
  readonly memory?: KeyMemoryUse;
}

/**
 * Begins with the only key of a folder, or with the one that is remembered of a place far away. Returns null when there is none. Throws
 * what reading throws, and 'usage' for a location that is none.
 */
export function beginLikelyKey(likely: LikelyRepository): BegunKey | null {
  const { location, password, cacheDirectory, keyHint = '', memory } = likely;
  const place = parseLocation(location);
  let key: Pick<KeyFile, 'salt' | 'cost'> | null = null;
  if (place.kind === 'local') key = onlyKeyIn(join(place.path, 'keys'), keyHint);
  else if (cacheDirectory !== undefined) {
    const known = keyMemory(cacheDirectory, place.printed).recall();
    if (known?.id.startsWith(keyHint)) key = known;
  }
  if (key === null) return null;
  const { n, r, p } = key.cost;
  return beginToDerive([utf8(password), key.salt, n, r, p, DERIVED_BYTES], memory);
}

function onlyKeyIn(folder: string, keyHint: string): KeyFile | null {
  const ids = readdirSync(folder).filter((name) => isHexId(name) && name.startsWith(keyHint));
  return ids.length === 1 ? decodeKeyFile(readFileSync(join(folder, ids[0]!))) : null;
}
