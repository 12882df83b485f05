/**
 * Sealing with `node:crypto` and the plain Poly1305: the fallback where libcrypto cannot be called directly.
 * Same bytes as the native sealer, more allocation.
 */

import { createCipheriv, timingSafeEqual } from 'node:crypto';
import { type Memory, viewIn } from '../memory.ts';
import { poly1305 } from './poly1305.ts';
import { RandomIvs } from './random-ivs.ts';
import {
  expectSealingKey,
  expectSealLengths,
  expectSealRanges,
  expectWindow,
  IV_BYTES,
  MAC_BYTES,
  SEAL_OVERHEAD,
  type Sealer,
  type SealingKey,
  withinSeal,
} from './sealer.ts';

/** 64 KiB: the cipher returns a new Buffer a call, and larger ones cost page faults rather than encryption. */
const PIECE = 65_536;

export class PortableSealer implements Sealer {
  readonly #encrypt: Uint8Array;
  readonly #macK: Uint8Array;
  readonly #macR: Uint8Array;
  readonly #ivs: RandomIvs = new RandomIvs();

  constructor(key: SealingKey) {
    expectSealingKey(key);
    this.#encrypt = new Uint8Array(key.encrypt);
    this.#macK = new Uint8Array(key.macK);
    this.#macR = new Uint8Array(key.macR);
  }

  seal(plain: Uint8Array, out: Uint8Array, iv?: Uint8Array): void {
    expectSealLengths(plain, out, iv);
    const nonce = iv === undefined ? new Uint8Array(IV_BYTES) : new Uint8Array(iv);
    if (iv === undefined) this.#ivs.next(nonce);
    const body = withinSeal(out);
    this.#applyCtr(nonce, plain, body);
    out.set(nonce, 0);
    out.set(this.#tag(nonce, body), out.length - MAC_BYTES);
  }

  sealAt(memory: Memory, at: number, length: number, out: Memory, outAt: number): void {
    expectSealRanges(memory, at, length, out, outAt);
    this.seal(viewIn(memory, at, length), viewIn(out, outAt, length + SEAL_OVERHEAD));
  }

  open(sealed: Uint8Array, out: Uint8Array): boolean {
    if (sealed.length < SEAL_OVERHEAD) return false;
    expectSealLengths(out, sealed);
    const nonce = new Uint8Array(sealed.subarray(0, IV_BYTES));
    const body = this.#provenBody(sealed, nonce);
    if (body === null) return false;
    this.#applyCtr(nonce, body, out);
    return true;
  }

  openThrough(sealed: Uint8Array, window: Uint8Array, take: (length: number) => void): boolean {
    if (sealed.length < SEAL_OVERHEAD) return false;
    expectWindow(window);
    const nonce = new Uint8Array(sealed.subarray(0, IV_BYTES));
    const body = this.#provenBody(sealed, nonce);
    if (body === null) return false;
    const cipher = createCipheriv('aes-256-ctr', this.#encrypt, nonce);
    const step = Math.min(PIECE, window.length);
    for (let at = 0; at < body.length; at += step) {
      const part = cipher.update(body.subarray(at, at + step));
      window.set(part);
      take(part.length);
    }
    return true;
  }

  /** Returns what lies between IV and MAC, or null if the MAC is wrong. */
  #provenBody(sealed: Uint8Array, nonce: Uint8Array): Uint8Array | null {
    const body = withinSeal(sealed);
    return timingSafeEqual(this.#tag(nonce, body), sealed.subarray(-MAC_BYTES)) ? body : null;
  }

  /** CTR encrypts and decrypts alike. `to` may be `from`. */
  #applyCtr(nonce: Uint8Array, from: Uint8Array, to: Uint8Array): void {
    const cipher = createCipheriv('aes-256-ctr', this.#encrypt, nonce);
    for (let at = 0; at < from.length; at += PIECE) to.set(cipher.update(from.subarray(at, at + PIECE)), at);
  }

  #tag(nonce: Uint8Array, body: Uint8Array): Uint8Array {
    const cipher = createCipheriv('aes-128-ecb', this.#macK, null);
    return poly1305(body, this.#macR, cipher.update(nonce));
  }
}
