/** Random IVs from a pool: one request to the generator serves 256 of them. */

import { randomFillSync } from 'node:crypto';
import { IV_BYTES } from './sealer.ts';

const POOL_BYTES = 256 * IV_BYTES;

export class RandomIvs {
  readonly #pool = new Uint8Array(POOL_BYTES);
  #used = POOL_BYTES;

  /** Writes 16 fresh random bytes to the start of `target`; never all zero, which the format reserves. */
  next(target: Uint8Array): void {
    do {
      if (this.#used === POOL_BYTES) {
        randomFillSync(this.#pool);
        this.#used = 0;
      }
      target.set(this.#pool.subarray(this.#used, this.#used + IV_BYTES));
      this.#used += IV_BYTES;
    } while (isZero(target));
  }
}

function isZero(iv: Uint8Array): boolean {
  for (let i = 0; i < IV_BYTES; i++) if (iv[i] !== 0) return false;
  return true;
}
