/**
 * Sealing through libcrypto: three contexts a key, used again; no allocation a call; bytes stay in the caller's buffers.
 * Six transitions to C, about 1.5 us, before the bytes themselves. The cipher goes through machine code of ours where it runs.
 */

import type { Memory } from '../memory.ts';
import { type Ciphers, cipherContext, expectOne, type Libcrypto, type Macs, releaseWith } from './libcrypto.ts';
import { NativeNonces } from './native-nonces.ts';
import { RandomIvs } from './random-ivs.ts';
import {
  expectSealingKey,
  expectSealLengths,
  expectSealRanges,
  expectWindow,
  IV_BYTES,
  MAC_BYTES,
  OPENER_STEP,
  type Opener,
  SEAL_OVERHEAD,
  type Sealer,
  type SealingKey,
  withinSeal,
} from './sealer.ts';
import { VectorCtr } from './vector-ctr.ts';

/** EVP_EncryptUpdate counts in a C int. A multiple of the vector, so that the counter goes on seamlessly. */
const PIECE = 1 << 30;
/** Bytes that machine code encrypts at once. */
const VECTOR = 64;

/** Encrypts or decrypts the next bytes of a message. */
type CtrPiece = (from: Uint8Array, to: Uint8Array) => void;

/**
 * libcrypto's AVX-512 code for Poly1305 takes eight blocks at a time only if their number is a multiple of eight; else it takes
 * all of them four at a time, for twice the time. So what is long goes in as two pieces.
 */
const MAC_STRIDE = OPENER_STEP;
const MAC_LONG = 16384;

/** Places in the scratch memory. The one-time key r | s is in one piece. */
const NONCE = 0;
const ONE_TIME_KEY = 16;
const S = 32;
const TAG = 48;
const WRITTEN = 64;
const SCRATCH_BYTES = 72;

export class NativeSealer implements Sealer, Opener {
  readonly #cipher: Ciphers;
  readonly #mac: Macs;
  readonly #ctr: number;
  readonly #ecb: number;
  readonly #poly: number;
  readonly #vectorCtr: VectorCtr | null;
  readonly #scratch: Buffer;
  readonly #scratchWords: Int32Array;
  readonly #at: number;
  readonly #nonces: NativeNonces;
  readonly #ivs: RandomIvs = new RandomIvs();
  /** Of the message that is opened in pieces. */
  #opening: CtrPiece | null = null;

  constructor(libcrypto: Libcrypto, cipher: Ciphers, mac: Macs, key: SealingKey) {
    expectSealingKey(key);
    this.#cipher = cipher;
    this.#mac = mac;
    const scratch = libcrypto.stable(SCRATCH_BYTES);
    this.#scratch = scratch.bytes;
    this.#scratchWords = new Int32Array(scratch.bytes.buffer, scratch.bytes.byteOffset, SCRATCH_BYTES / 4);
    this.#at = scratch.address;
    this.#scratch.set(key.macR, ONE_TIME_KEY);
    const keys = libcrypto.stable(48);
    keys.bytes.set(key.encrypt, 0);
    keys.bytes.set(key.macK, 32);
    this.#ctr = cipherContext(this, cipher, cipher.aes256Ctr, keys.address);
    this.#ecb = cipherContext(this, cipher, cipher.aes128Ecb, keys.address + 32);
    this.#vectorCtr = VectorCtr.create(keys.bytes.subarray(0, 32));
    keys.bytes.fill(0);
    this.#nonces = new NativeNonces(libcrypto, (out, data, size) =>
      expectOne(cipher.updateAt(this.#ecb, out, this.#at + WRITTEN, data, size), 'EVP_EncryptUpdate'),
    );
    this.#poly = mac.newContext(mac.poly1305);
    releaseWith(this, mac.freeContext, this.#poly);
  }

  seal(plain: Uint8Array, out: Uint8Array, iv?: Uint8Array): void {
    expectSealLengths(plain, out, iv);
    if (iv === undefined) this.#ivs.next(this.#scratch);
    else this.#scratch.set(iv, NONCE);
    const body = withinSeal(out);
    this.#applyCtr(plain, body);
    this.#computeTag(body);
    out.set(this.#scratch.subarray(NONCE, NONCE + IV_BYTES), 0);
    out.set(this.#scratch.subarray(TAG, TAG + MAC_BYTES), out.length - MAC_BYTES);
  }

  sealAt(memory: Memory, at: number, length: number, out: Memory, outAt: number): void {
    expectSealRanges(memory, at, length, out, outAt);
    if (length > PIECE) throw new RangeError(`sealAt: expected at most ${PIECE} bytes, got ${length}`);
    const scratch = this.#at;
    const body = out.address + outAt + IV_BYTES;
    this.#nonces.next(out.bytes, outAt, this.#scratchWords, S / 4);
    const from = memory.address + at;
    if (this.#vectorCtr?.start(out.bytes, outAt) === true) this.#vectorCtr.pieceAt(from, body, length);
    else if (length > 0) {
      expectOne(this.#cipher.init(this.#ctr, 0, 0, 0, this.#nonces.address), 'EVP_EncryptInit_ex');
      expectOne(this.#cipher.updateAt(this.#ctr, body, scratch + WRITTEN, from, length), 'EVP_EncryptUpdate');
    }
    expectOne(this.#mac.init(this.#poly, scratch + ONE_TIME_KEY, 32, 0), 'EVP_MAC_init');
    const even = evenPart(length);
    if (even > 0) expectOne(this.#mac.updateAt(this.#poly, body, even), 'EVP_MAC_update');
    if (even < length) expectOne(this.#mac.updateAt(this.#poly, body + even, length - even), 'EVP_MAC_update');
    expectOne(this.#mac.final(this.#poly, body + length, scratch + WRITTEN, MAC_BYTES), 'EVP_MAC_final');
  }

  open(sealed: Uint8Array, out: Uint8Array): boolean {
    if (sealed.length < SEAL_OVERHEAD) return false;
    expectSealLengths(out, sealed);
    const body = this.#provenBody(sealed);
    if (body === null) return false;
    this.#applyCtr(body, out);
    return true;
  }

  openThrough(sealed: Uint8Array, window: Uint8Array, take: (length: number) => void): boolean {
    if (sealed.length < SEAL_OVERHEAD) return false;
    expectWindow(window);
    const body = this.#provenBody(sealed);
    if (body === null) return false;
    // A piece must end where a vector does, or the message.
    const vector = window.length % VECTOR === 0 || window.length >= body.length;
    const piece = body.length > 0 ? this.#startCtr(vector) : null;
    for (let at = 0; at < body.length; at += window.length) {
      const part = body.subarray(at, at + window.length);
      piece!(part, window);
      take(part.length);
    }
    return true;
  }

  begin(iv: Uint8Array): void {
    this.#scratch.set(iv, NONCE);
    this.#beginTag();
    this.#opening = this.#startCtr(true);
  }

  piece(body: Uint8Array, plain: Uint8Array): void {
    if (plain.length !== body.length) throw new RangeError(`plain: expected ${body.length} bytes, got ${plain.length}`);
    if (body.length === 0) return;
    this.#addToTag(body);
    this.#opening!(body, plain);
  }

  end(mac: Uint8Array): boolean {
    this.#opening = null;
    this.#endTag();
    return this.#tagIs(mac);
  }

  /** Returns what lies between IV and MAC, with the IV in scratch, or null if the MAC is wrong. */
  #provenBody(sealed: Uint8Array): Uint8Array | null {
    this.#scratch.set(sealed.subarray(0, IV_BYTES), NONCE);
    const body = withinSeal(sealed);
    this.#computeTag(body);
    return this.#tagIs(sealed.subarray(-MAC_BYTES)) ? body : null;
  }

  /** CTR under the nonce in scratch; encrypts and decrypts alike. `to` may be `from`. */
  #applyCtr(from: Uint8Array, to: Uint8Array): void {
    if (from.length === 0) return;
    const piece = this.#startCtr(true);
    for (let at = 0; at < from.length; at += PIECE) piece(from.subarray(at, at + PIECE), to.subarray(at, at + PIECE));
  }

  /** Begins a message under the nonce in scratch, and returns what encrypts its pieces; by vectors if they may be. */
  #startCtr(vector: boolean): CtrPiece {
    const byVectors = this.#vectorCtr;
    if (vector && byVectors?.start(this.#scratch, NONCE) === true) return (from, to) => byVectors.piece(from, to);
    expectOne(this.#cipher.init(this.#ctr, 0, 0, 0, this.#at + NONCE), 'EVP_EncryptInit_ex');
    return (from, to) =>
      expectOne(this.#cipher.update(this.#ctr, to, this.#at + WRITTEN, from, from.length), 'EVP_EncryptUpdate');
  }

  /** Leaves the MAC of `body` under the nonce in scratch at TAG. */
  #computeTag(body: Uint8Array): void {
    this.#beginTag();
    this.#addToTag(body);
    this.#endTag();
  }

  /** Begins a MAC under the nonce in scratch. */
  #beginTag(): void {
    const at = this.#at;
    // s = AES-128_k(IV): one block of ECB.
    expectOne(this.#cipher.updateAt(this.#ecb, at + S, at + WRITTEN, at + NONCE, IV_BYTES), 'EVP_EncryptUpdate');
    expectOne(this.#mac.init(this.#poly, at + ONE_TIME_KEY, 32, 0), 'EVP_MAC_init');
  }

  #addToTag(body: Uint8Array): void {
    const even = evenPart(body.length);
    if (even > 0) this.#macPiece(body.subarray(0, even));
    if (even < body.length) this.#macPiece(body.subarray(even));
  }

  /** Leaves the MAC at TAG. */
  #endTag(): void {
    const at = this.#at;
    expectOne(this.#mac.final(this.#poly, at + TAG, at + WRITTEN, MAC_BYTES), 'EVP_MAC_final');
  }

  #macPiece(piece: Uint8Array): void {
    expectOne(this.#mac.update(this.#poly, piece, piece.length), 'EVP_MAC_update');
  }

  /** Takes the same time for every difference. */
  #tagIs(expected: Uint8Array): boolean {
    let difference = 0;
    for (let i = 0; i < MAC_BYTES; i++) difference |= this.#scratch[TAG + i]! ^ expected[i]!;
    return difference === 0;
  }
}

/** Returns how many of `length` bytes go into the MAC at first. */
function evenPart(length: number): number {
  return length < MAC_LONG ? length : length - (length % MAC_STRIDE);
}
