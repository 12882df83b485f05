/** Memory that is used again and again for bytes of changing length, instead of leaving each to the collector. */

/** Longer contents are not kept: one odd blob must not hold its memory for good. */
const MAX_KEPT_BYTES: number = 16 * 1024 * 1024;
const FIRST_BYTES: number = 64 * 1024;

/** One piece of memory that grows. What was returned before is overwritten by the next call. */
export class Scratch {
  readonly #mostKept: number;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(mostKept: number = MAX_KEPT_BYTES) {
    this.#mostKept = mostKept;
  }

  /** Returns memory of at least `length` bytes with any content; none at all where that is too long to be kept. */
  atLeast(length: number): Uint8Array {
    if (length <= this.#bytes.length) return this.#bytes;
    if (length > this.#mostKept) return new Uint8Array(0);
    let size = Math.max(FIRST_BYTES, this.#bytes.length);
    while (size < length) size *= 2;
    this.#bytes = new Uint8Array(size);
    return this.#bytes;
  }

  /** Returns exactly `length` bytes, with any content. */
  exactly(length: number): Uint8Array {
    const bytes = this.atLeast(length);
    return bytes.length < length ? new Uint8Array(length) : bytes.subarray(0, length);
  }

  /** Returns whether `bytes` lie in this memory, so that the next call may overwrite them. */
  lends(bytes: Uint8Array): boolean {
    return bytes.buffer === this.#bytes.buffer;
  }

  /** Returns a copy of `bytes`. */
  copy(bytes: Uint8Array): Uint8Array {
    const copy = this.exactly(bytes.length);
    copy.set(bytes);
    return copy;
  }
}
