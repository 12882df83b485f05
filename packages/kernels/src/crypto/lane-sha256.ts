/** SHA-256 whose state lies in our own memory, so that it can go through any of libcrypto's block functions, alone or in lockstep. */

import { expectInside, type Memory } from '../memory.ts';
import type { LaterUpdate, Sha256 } from '../platform.ts';
import type { Libcrypto, Sha256Blocks } from './libcrypto.ts';

export const HASH_BYTES = 32;
export const BLOCK_BYTES = 64;
/** The eight words that a hash starts with (FIPS 180-4, 5.3.3). */
export const START: Uint32Array = Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);

/** Memory of a hash: its eight words, then a block that is not full yet with room for the padding behind it. */
const TAIL = 32;
const LANE_BYTES: number = TAIL + 2 * BLOCK_BYTES;

export class LaneSha256 implements Sha256 {
  /** The state between two blocks. */
  readonly words: Uint32Array;
  /** Of `words`. */
  readonly address: number;
  readonly #blocks: Sha256Blocks;
  readonly #tail: Uint8Array;
  readonly #hash: Uint8Array;
  readonly #hashView: DataView;
  /** Bytes in the tail. */
  #pending = 0;
  #total = 0;

  constructor(library: Libcrypto, blocks: Sha256Blocks) {
    this.#blocks = blocks;
    const { bytes, address } = library.stable(LANE_BYTES);
    this.words = new Uint32Array(bytes.buffer, bytes.byteOffset, 8);
    this.#tail = new Uint8Array(bytes.buffer, bytes.byteOffset + TAIL, 2 * BLOCK_BYTES);
    this.address = address;
    this.#hash = new Uint8Array(HASH_BYTES);
    this.#hashView = new DataView(this.#hash.buffer);
    this.words.set(START);
  }

  update(data: Uint8Array): void {
    const memory = { bytes: data, address: 0 };
    const from = this.completeBlock(memory, 0, data.length);
    const blocks = Math.floor((data.length - from) / BLOCK_BYTES);
    if (blocks > 0) this.#blocks.oneLane(this.words, from === 0 ? data : data.subarray(from), blocks);
    this.#total += data.length - from;
    this.#keep(memory, from + blocks * BLOCK_BYTES, data.length);
  }

  updateAt(memory: Memory, at: number, length: number): void {
    expectInside(memory, at, length);
    this.rest(memory, at, this.completeBlock(memory, at, length), 0, length);
  }

  updateLater(memory: Memory, at: number, length: number): LaterUpdate | null {
    expectInside(memory, at, length);
    const blocks = Math.floor(length / BLOCK_BYTES);
    // What completes a block that has begun may not be there yet.
    if (blocks === 0 || this.#pending > 0) return null;
    this.count(blocks);
    const { oneLaneFunction: target } = this.#blocks;
    return { target, arguments: [this.address, memory.address + at, blocks], length: blocks * BLOCK_BYTES };
  }

  digest(): Uint8Array {
    return new Uint8Array(this.digestHere());
  }

  /** The same, good until the next digest. */
  digestHere(): Uint8Array {
    const bits = this.#total * 8;
    const tail = this.#tail;
    const end = this.#pending < 56 ? BLOCK_BYTES : 2 * BLOCK_BYTES;
    tail[this.#pending] = 0x80;
    tail.fill(0, this.#pending + 1, end - 8);
    for (let at = end - 1, left = bits; at >= end - 8; at--, left = Math.floor(left / 256)) tail[at] = left;
    this.#blocks.oneLaneAt(this.address, this.address + TAIL, end / BLOCK_BYTES);
    for (let word = 0; word < 8; word++) this.#hashView.setUint32(4 * word, this.words[word]!);
    this.words.set(START);
    this.#pending = 0;
    this.#total = 0;
    return this.#hash;
  }

  /** Takes what completes a block that has begun, and returns how many bytes that was. */
  completeBlock(memory: Memory, at: number, length: number): number {
    if (this.#pending === 0) return 0;
    const taken = Math.min(BLOCK_BYTES - this.#pending, length);
    this.#total += taken;
    this.#copy(memory.bytes, at, taken);
    if (this.#pending === BLOCK_BYTES) {
      this.#blocks.oneLaneAt(this.address, this.address + TAIL, 1);
      this.#pending = 0;
    }
    return taken;
  }

  /** Counts blocks by which `words` went on. */
  count(blocks: number): void {
    this.#total += blocks * BLOCK_BYTES;
  }

  /** Takes what is left of a range: completeBlock() took `from` bytes, and `words` went on by `done` blocks. */
  rest(memory: Memory, at: number, from: number, done: number, length: number): void {
    this.#total += length - from;
    const start = from + done * BLOCK_BYTES;
    const blocks = Math.floor((length - start) / BLOCK_BYTES);
    if (blocks > 0) this.#blocks.oneLaneAt(this.address, memory.address + at + start, blocks);
    this.#keep(memory, at + start + blocks * BLOCK_BYTES, at + length);
  }

  #keep(memory: Memory, from: number, end: number): void {
    this.#copy(memory.bytes, from, end - from);
  }

  /** Byte by byte: a view of so little costs more. */
  #copy(bytes: Uint8Array, at: number, count: number): void {
    const tail = this.#tail;
    const to = this.#pending;
    for (let i = 0; i < count; i++) tail[to + i] = bytes[at + i]!;
    this.#pending = to + count;
  }
}
