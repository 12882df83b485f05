/**
 * Random IVs with what Poly1305-AES adds under each, s = AES-128_k(IV), made 256 at a time: one request to the generator
 * and one call of the cipher serve them all.
 */

import { randomFillSync } from 'node:crypto';
import type { Libcrypto } from './libcrypto.ts';
import { IV_BYTES } from './sealer.ts';

const COUNT = 256;
const WORDS = IV_BYTES / 4;

/** Encrypts `size` bytes under the MAC's key, block by block. Both are addresses. */
type EncryptBlocks = (out: number, data: number, size: number) => void;

export class NativeNonces {
  /** The address of the IV that next() chose. */
  address = 0;
  readonly #ivs: ReturnType<Libcrypto['stable']>;
  readonly #adds: ReturnType<Libcrypto['stable']>;
  readonly #ivWords: Int32Array;
  readonly #addWords: Int32Array;
  readonly #encrypt: EncryptBlocks;
  #used = COUNT;

  constructor(libcrypto: Libcrypto, encrypt: EncryptBlocks) {
    this.#ivs = libcrypto.stable(COUNT * IV_BYTES);
    this.#adds = libcrypto.stable(COUNT * IV_BYTES);
    this.#ivWords = words(this.#ivs.bytes);
    this.#addWords = words(this.#adds.bytes);
    this.#encrypt = encrypt;
  }

  /** Chooses the next IV, writes it to `out` at `at`, and its s to `s` from word `sAt` on. */
  next(out: Uint8Array, at: number, s: Int32Array, sAt: number): void {
    if (this.#used === COUNT) this.#refill();
    const from = this.#used * WORDS;
    this.address = this.#ivs.address + this.#used * IV_BYTES;
    this.#used++;
    for (let i = 0; i < WORDS; i++) {
      const word = this.#ivWords[from + i]!;
      out[at + 4 * i] = word;
      out[at + 4 * i + 1] = word >>> 8;
      out[at + 4 * i + 2] = word >>> 16;
      out[at + 4 * i + 3] = word >>> 24;
      s[sAt + i] = this.#addWords[from + i]!;
    }
  }

  /** The format reserves the IV of zeros. */
  #refill(): void {
    do randomFillSync(this.#ivs.bytes);
    while (hasZero(this.#ivWords));
    this.#encrypt(this.#adds.address, this.#ivs.address, COUNT * IV_BYTES);
    this.#used = 0;
  }
}

function words(bytes: Buffer): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

function hasZero(ivs: Int32Array): boolean {
  for (let at = 0; at < ivs.length; at += WORDS) {
    if ((ivs[at]! | ivs[at + 1]! | ivs[at + 2]! | ivs[at + 3]!) === 0) return true;
  }
  return false;
}
