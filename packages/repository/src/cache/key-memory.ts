/**
 * Remembers the keys of repositories beside their caches: `<base>/hostark-keys/<SHA-256 of the location>`, one small file each.
 * restic passes such a folder by: it is named by no repository.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolders } from '@hostark/kernels';
import { decodeKnownKey, encodeKnownKey, type KeyMemory, type KnownKey } from '../keys/known-key.ts';

/** Returns the memory of the repository at `location` (as it is printed) in the folder of all caches. */
export function keyMemory(base: string, location: string): KeyMemory {
  const folder = join(base, 'hostark-keys');
  const file = join(folder, createHash('sha256').update(location).digest('hex'));
  return {
    recall(): KnownKey | null {
      try {
        return decodeKnownKey(readFileSync(file));
      } catch {
        return null;
      }
    },
    remember(known): void {
      try {
        makeFolders(folder, 0o700);
        writeFileSync(file, encodeKnownKey(known), { mode: 0o600 });
      } catch {
        // The next time is no quicker, that is all.
      }
    },
  };
}
