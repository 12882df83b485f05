/** A pack that is hashed on the way, while ranges of it are read in ascending order. */
import type { Sha256 } from '@hostark/kernels';
import { toHex } from '../ids.ts';

/** Neighbours are read together up to this size: a fraction of the cache of one core. */
export const READ_BYTES: number = 512 * 1024;

/** The bytes of a pack, wherever they are. */
export interface PackBytes {
  readonly length: number;
  /** Fills `out` with the bytes from `offset` on, which are there. What it throws is thrown by PackCheck.run(). */
  read(offset: number, out: Uint8Array): void;
}

export class HashedPack {
  readonly #sha: Sha256;
  readonly #memory: (length: number) => Uint8Array;
  #bytes: PackBytes = { length: 0, read() {} };
  /** Bytes hashed so far. */
  #hashed = 0;

  /** `memory` returns so many bytes to read into, each time the same if it likes. */
  constructor(sha: Sha256, memory: (length: number) => Uint8Array) {
    this.#sha = sha;
    this.#memory = memory;
  }

  begin(bytes: PackBytes): void {
    // What an earlier pack left behind when reading it failed.
    if (this.#hashed > 0) this.#sha.digest();
    this.#bytes = bytes;
    this.#hashed = 0;
  }

  /** Returns a range, in memory that may be overwritten and is used again by the next call. */
  range(offset: number, end: number): Uint8Array {
    this.#hashUpTo(offset);
    const part = this.#memory(end - offset);
    this.#bytes.read(offset, part);
    if (end > this.#hashed) {
      this.#sha.update(part.subarray(this.#hashed - offset));
      this.#hashed = end;
    }
    return part;
  }

  /** Returns the SHA-256 of the whole pack in hex. */
  digest(): string {
    this.#hashUpTo(this.#bytes.length);
    this.#hashed = 0;
    return toHex(this.#sha.digest());
  }

  #hashUpTo(end: number): void {
    while (this.#hashed < end) {
      const part = this.#memory(Math.min(READ_BYTES, end - this.#hashed));
      this.#bytes.read(this.#hashed, part);
      this.#sha.update(part);
      this.#hashed += part.length;
    }
  }
}
