/**
 * Hashes a pack on the way, while ranges of it are read in ascending order. What was read is hashed beside the content of its
 * blobs, two hashes in lockstep, and what nobody took along on its own.
 */
import type { Memory, Platform, Sha256 } from '@hostark/kernels';
import { toHex } from '../ids.ts';
import { Scratch } from '../scratch.ts';

/** What is read together: a fraction of the cache of one core. */
export const READ_BYTES: number = 512 * 1024;

/** SHA-256 goes by blocks of this size. */
const BLOCK_BYTES = 64;

/** The bytes of a pack, wherever they are. */
export interface PackBytes {
  readonly length: number;
  /** Fills `out` with the bytes from `offset` on, which are there. What it throws is thrown by PackCheck.run(). */
  read(offset: number, out: Uint8Array): void;
}

const NOTHING: PackBytes = { length: 0, read() {} };

export class HashedPack {
  readonly #platform: Platform;
  readonly #sha: Sha256;
  readonly #buffer = new Scratch();
  #bytes: PackBytes = NOTHING;
  /** The range that was read last, and where it lies in the pack. */
  #part: Memory = { bytes: new Uint8Array(0), address: 0 };
  #start = 0;
  /** Bytes of the pack hashed so far. */
  #hashed = 0;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#sha = platform.sha256Stream();
  }

  begin(bytes: PackBytes): void {
    // What an earlier pack left behind when reading it failed.
    this.#sha.digest();
    this.#bytes = bytes;
    this.#hashed = 0;
    this.#forget();
  }

  /** Returns a range. Its memory is used again by the next call, and may be overwritten after settle(). */
  range(offset: number, end: number): Uint8Array {
    this.#hashUpTo(offset);
    this.#read(offset, end - offset);
    return this.#part.bytes;
  }

  /** Adds `length` bytes from `at` on to another hash and, in lockstep, as many of the range to the pack's own. */
  beside(hash: Sha256, memory: Memory, at: number, length: number): void {
    const from = this.#hashed;
    const end = Math.min(from + length, this.#start + this.#part.bytes.length);
    // Up to the end of a block, where a hash has nothing to put aside.
    const own = Math.max(0, end - (end % BLOCK_BYTES) - from);
    this.#platform.sha256Both(this.#sha, this.#part, own === 0 ? 0 : from - this.#start, own, hash, memory, at, length);
    this.#hashed += own;
  }

  /** Hashes what is left of the range. */
  settle(): void {
    const from = this.#hashed - this.#start;
    const left = this.#part.bytes.length - from;
    if (left <= 0) return;
    this.#sha.updateAt(this.#part, from, left);
    this.#hashed += left;
  }

  /** Returns the SHA-256 of the whole pack in hex. */
  digest(): string {
    this.#hashUpTo(this.#bytes.length);
    return toHex(this.#sha.digest());
  }

  #hashUpTo(end: number): void {
    this.settle();
    while (this.#hashed < end) {
      this.#read(this.#hashed, Math.min(READ_BYTES, end - this.#hashed));
      this.settle();
    }
  }

  #read(offset: number, length: number): void {
    this.#forget();
    const part = this.#buffer.exactly(length);
    this.#bytes.read(offset, part);
    this.#part = this.#platform.memory(part);
    this.#start = offset;
  }

  /** No range counts as read: reading may fail. */
  #forget(): void {
    this.#part = { bytes: new Uint8Array(0), address: 0 };
    this.#start = this.#hashed;
  }
}
