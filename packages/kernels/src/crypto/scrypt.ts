/** scrypt through `node:crypto`, in the thread pool. */

import { scrypt } from 'node:crypto';

/** The contract of `Platform.scrypt`. Throws RangeError for parameters that scrypt does not allow. */
export function deriveKey(
  password: Uint8Array,
  salt: Uint8Array,
  n: number,
  r: number,
  p: number,
  length: number,
): Promise<Uint8Array> {
  // Node's default of 32 MiB refuses restic's usual N = 32768, r = 8: ask for what scrypt needs and some slack.
  const maxmem = 128 * r * (n + p) + 1024 * 1024;
  return new Promise((resolve, reject) => {
    try {
      scrypt(password, salt, length, { N: n, r, p, maxmem }, (error, key) => (error ? reject(error) : resolve(key)));
    } catch (cause) {
      reject(new RangeError(`scrypt: N=${n}, r=${r}, p=${p} are not valid together`, { cause }));
    }
  });
}
