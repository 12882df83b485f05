/** Passwords to keys: scrypt, and how much of it. Format: restic `internal/crypto/kdf.go`. */
import type { Platform, Sealer } from '@hostark/kernels';
import { utf8 } from '../encoding/bytes.ts';
import { type ScryptCost, splitKey } from './key-file.ts';

/** Text is taken as UTF-8; bytes are taken as they are. */
export type Password = string | Uint8Array;

/**
 * What a guess costs: 32 MiB of memory (128 * n * r), as in restic, four times over; above what OWASP's password storage
 * cheat sheet asks for (the same with p = 3). The same on every machine: a cost that is measured, as restic's is, comes out low on a busy one.
 */
export const KEY_COST: ScryptCost = { n: 32768, r: 8, p: 4 };

/** What scrypt makes of a password: the three parts of a key (splitKey()). */
export const DERIVED_BYTES = 64;

/** Returns the sealer of a password for one key file. Throws RangeError only for a derived key of zeros. */
export async function passwordSealer(
  platform: Platform,
  password: Password,
  salt: Uint8Array,
  cost: ScryptCost,
): Promise<Sealer> {
  const secret = typeof password === 'string' ? utf8(password) : password;
  const derived = await platform.scrypt(secret, salt, cost.n, cost.r, cost.p, DERIVED_BYTES);
  return platform.sealer(splitKey(derived));
}
