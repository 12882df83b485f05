/**
 * Sealing: AES-256-CTR with Poly1305-AES, as the restic format has it ("Keys, Encryption and MAC").
 * sealed = IV (16) | ciphertext (as long as the plaintext) | MAC (16); the MAC is over the ciphertext alone,
 * under the one-time key r | AES-128_k(IV).
 */

import { expectInside, type Memory } from '../memory.ts';

/** Bytes that sealing adds: IV and MAC. */
export const SEAL_OVERHEAD = 32;
/** Before and behind the ciphertext: IV, MAC. */
export const IV_BYTES = 16;
export const MAC_BYTES = 16;

/** Returns the part of a sealed message that is as long as what was sealed: where the sealer works in place. */
export function withinSeal(sealed: Uint8Array): Uint8Array {
  return sealed.subarray(IV_BYTES, sealed.length - MAC_BYTES);
}

export interface SealingKey {
  /** AES-256 key, 32 bytes. */
  readonly encrypt: Uint8Array;
  /** AES-128 key `k` of Poly1305-AES, 16 bytes. */
  readonly macK: Uint8Array;
  /** `r` of Poly1305-AES, 16 bytes; clamped at use, so both clamped and unclamped keys work. */
  readonly macR: Uint8Array;
}

/** Seals and opens under one key. One sealer serves one thread. */
export interface Sealer {
  /**
   * Writes IV, ciphertext and MAC to `out`; `out.length` must be `plain.length + 32`.
   * In place when `plain` is `withinSeal(out)`; no other overlap is allowed.
   * `iv`: 16 bytes that were never used before with this key; random and not all zero when absent.
   */
  seal(plain: Uint8Array, out: Uint8Array, iv?: Uint8Array): void;
  /**
   * Seals `length` bytes from `at` on into the `length + 32` bytes of `out` from `outAt` on, under a random IV. In place when
   * the memory is the same and `at` is `outAt + 16`; no other overlap is allowed. Throws RangeError outside either memory.
   */
  sealAt(memory: Memory, at: number, length: number, out: Memory, outAt: number): void;
  /**
   * Writes the plaintext to `out` and returns true; returns false with `out` untouched when the MAC is wrong
   * or `sealed` is shorter than 32 bytes. `out.length` must be `sealed.length - 32`.
   * In place when `out` is `withinSeal(sealed)`; no other overlap is allowed.
   */
  open(sealed: Uint8Array, out: Uint8Array): boolean;
  /**
   * The same through a `window`, which may be shorter than the plaintext and does not overlap `sealed`: calls `take` for each
   * stretch in turn, when its bytes are the first `length` of the window. Returns false without a call when open() would.
   */
  openThrough(sealed: Uint8Array, window: Uint8Array, take: (length: number) => void): boolean;
}

/** Opens sealed messages in pieces, one message at a time, under one key. What comes out is proven only by end(). */
export interface Opener {
  /** Begins a message. `iv`: its first 16 bytes. */
  begin(iv: Uint8Array): void;
  /** Writes to `plain` what the next bytes of the body hold, which are as many: OPENER_STEP or a multiple, but for the last. */
  piece(body: Uint8Array, plain: Uint8Array): void;
  /** Ends the message, and returns whether `mac`, its last 16 bytes, is right. */
  end(mac: Uint8Array): boolean;
}

/** Pieces of so many bytes suit the cipher's vectors and those of the MAC (native-sealer.ts). */
export const OPENER_STEP = 128;

/** Throws RangeError unless the three parts have their lengths and none is all zero (the format forbids such keys). */
export function expectSealingKey(key: SealingKey): void {
  expectKeyPart(key.encrypt, 32, 'encrypt');
  expectKeyPart(key.macK, 16, 'macK');
  expectKeyPart(key.macR, 16, 'macR');
}

/** Throws RangeError unless `sealed` is 32 bytes longer than `plain` and `iv`, when given, is 16 bytes and not all zero. */
export function expectSealLengths(plain: Uint8Array, sealed: Uint8Array, iv?: Uint8Array): void {
  if (sealed.length !== plain.length + SEAL_OVERHEAD) {
    throw new RangeError(`sealed: expected ${plain.length + SEAL_OVERHEAD} bytes, got ${sealed.length}`);
  }
  if (iv !== undefined) expectKeyPart(iv, IV_BYTES, 'iv');
}

/** Throws RangeError unless both ranges of sealAt() lie inside their memory. */
export function expectSealRanges(memory: Memory, at: number, length: number, out: Memory, outAt: number): void {
  expectInside(memory, at, length);
  expectInside(out, outAt, length + SEAL_OVERHEAD);
}

/** Throws RangeError for a window of openThrough() that is too small or too large to work with. */
export function expectWindow(window: Uint8Array): void {
  if (window.length >= 1 && window.length <= MAX_WINDOW) return;
  throw new RangeError(`window: expected 1 to ${MAX_WINDOW} bytes, got ${window.length}`);
}

/** libcrypto counts in a C int. */
const MAX_WINDOW: number = 1 << 30;

function expectKeyPart(part: Uint8Array, length: number, name: string): void {
  if (part.length !== length) throw new RangeError(`${name}: expected ${length} bytes, got ${part.length}`);
  if (part.every((byte) => byte === 0)) throw new RangeError(`${name}: expected some bit set, got all zero`);
}
