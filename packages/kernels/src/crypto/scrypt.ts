/** scrypt (RFC 7914): through one of our own kernels where it runs, else through `node:crypto` in the thread pool. Same keys. */

import { scrypt } from 'node:crypto';
import { keyThrough } from './lane-mixer.ts';
import { laneMixer } from './scrypt-lanes.ts';
import { TABLE_BYTES, vectorMixer, vectorsAgree } from './scrypt-vectors.ts';

/** Above this a kernel's memory would be more than a backup takes; OpenSSL gets such keys. 64 MiB: r = 8, n = 65536. */
const MAX_LANE_BYTES = 64 * 1024 * 1024;

/** Derives a key of `length` bytes, whose arguments are borrowed until it is there; the contract of `Platform.scrypt`. */
export type DeriveKey = (
  password: Uint8Array,
  salt: Uint8Array,
  n: number,
  r: number,
  p: number,
  length: number,
) => Promise<Uint8Array>;

/** 'more' is a tenth quicker, for who needs as much memory later on anyway. Only vectors make a difference. */
export type KeyMemoryUse = keyof typeof TABLE_BYTES;

/** A key that was begun before anybody asked for it. */
export interface BegunKey {
  readonly of: Parameters<DeriveKey>;
  readonly key: Promise<Uint8Array>;
}

let expected: BegunKey | null = null;

/** Begins to derive a key that most likely will soon be asked for. Returns what expectKey() takes, here or in another bundle of this. */
export function beginToDerive(of: Parameters<DeriveKey>, memory: KeyMemoryUse = 'little'): BegunKey {
  const [password, salt, ...numbers] = of;
  const mine: typeof of = [new Uint8Array(password), new Uint8Array(salt), ...numbers];
  const key = derive(mine, memory);
  key.catch(() => {}); // told to whoever asks
  return { of: mine, key };
}

/** The next deriveKey(), if it is for the same, takes this one over. */
export function expectKey(begun: BegunKey): void {
  expected = begun;
}

/** Some lanes at a time, in the thread pool or in steps of a few milliseconds on this thread. */
export const deriveKey: DeriveKey = (...of) => {
  const begun = expected;
  expected = null;
  return begun !== null && areSame(begun.of, of) ? begun.key : derive(of, 'little');
};

async function derive(of: Parameters<DeriveKey>, memory: KeyMemoryUse): Promise<Uint8Array> {
  const [password, salt, n, r, p, length] = of;
  const isOurs = 128 * r * n <= MAX_LANE_BYTES && isUsual(n, r, p);
  const vectors = isOurs ? vectorMixer(n, r, p, TABLE_BYTES[memory]) : null;
  if (vectors !== null) {
    // Key and proof at once: a key that nobody has proved yet opens nothing.
    const [key, isProved] = await Promise.all([keyThrough(vectors, password, salt, r, p, length), vectorsAgree()]);
    if (isProved) return key;
  }
  const mixer = isOurs ? laneMixer(n, r) : null;
  return mixer === null ? opensslKey(password, salt, n, r, p, length) : keyThrough(mixer, password, salt, r, p, length);
}

function areSame([password, salt, ...numbers]: Parameters<DeriveKey>, of: Parameters<DeriveKey>): boolean {
  const isSame = numbers.every((number, i) => number === of[i + 2]);
  return isSame && Buffer.compare(password, of[0]) === 0 && Buffer.compare(salt, of[1]) === 0;
}

/** Parameters that the kernels can work with; whether others are valid is for OpenSSL to say. */
function isUsual(n: number, r: number, p: number): boolean {
  const counts = [n, r, p].every((count) => Number.isSafeInteger(count) && count >= 1);
  return counts && n >= 2 && n <= 2 ** 26 && (n & (n - 1)) === 0 && r <= 64 && p <= 1024;
}

/** Throws RangeError for parameters that scrypt does not allow. */
export const opensslKey: DeriveKey = (password, salt, n, r, p, length) => {
  // Node's default of 32 MiB refuses restic's usual N = 32768, r = 8: ask for what scrypt needs and some slack.
  const maxmem = 128 * r * (n + p) + 1024 * 1024;
  return new Promise((resolve, reject) => {
    try {
      scrypt(password, salt, length, { N: n, r, p, maxmem }, (error, key) => (error ? reject(error) : resolve(key)));
    } catch (cause) {
      reject(new RangeError(`scrypt: N=${n}, r=${r}, p=${p} are not valid together`, { cause }));
    }
  });
};
