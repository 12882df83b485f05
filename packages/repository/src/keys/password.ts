/** Passwords to keys: scrypt, and how much of it. Format: restic `internal/crypto/kdf.go`. */
import type { Platform, Sealer } from '@hostark/kernels';
import { utf8 } from '../encoding/bytes.ts';
import { SALT_BYTES, type ScryptCost, splitKey } from './key-file.ts';

/** Text is taken as UTF-8; bytes are taken as they are. */
export type Password = string | Uint8Array;

/** What unlocking should cost the owner, and a guesser for each guess. */
const TARGET_MS = 500;
/** 32 MiB of memory (128 * n * r): what restic uses, below its ceiling of 60 MiB. */
const COST_N = 32768;
const COST_R = 8;
/** A machine that is faster than this by measure is more likely a clock that stood still. */
const MAX_P = 64;

/** Returns the sealer of a password for one key file. Throws RangeError only for a derived key of zeros. */
export async function passwordSealer(
  platform: Platform,
  password: Password,
  salt: Uint8Array,
  cost: ScryptCost,
): Promise<Sealer> {
  const secret = typeof password === 'string' ? utf8(password) : password;
  const derived = await platform.scrypt(secret, salt, cost.n, cost.r, cost.p, 64);
  return platform.sealer(splitKey(derived));
}

/** Returns a cost at which unlocking takes about half a second on this machine, never less than one round. */
export async function calibrateScrypt(
  platform: Platform,
  now: () => number = () => performance.now(),
): Promise<ScryptCost> {
  const started = now();
  await platform.scrypt(utf8('calibration'), new Uint8Array(SALT_BYTES), COST_N, COST_R, 1, 64);
  const roundMs = Math.max(1, now() - started);
  return { n: COST_N, r: COST_R, p: Math.min(MAX_P, Math.max(1, Math.floor(TARGET_MS / roundMs))) };
}
