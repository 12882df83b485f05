/**
 * Memory for segments that are loaded from afar, used again and again, and shared with the threads that open them. There is
 * never more of it than segments were under way at once.
 */

export class SegmentMemory {
  readonly #bytes: number;
  readonly #free: Uint8Array[] = [];

  /** `bytes`: what one segment takes, but for single blobs that are larger. */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Returns room for a segment of `length`; empty if it is larger than usual: then it gets memory of its own. */
  take(length: number): Uint8Array {
    if (length > this.#bytes) return NOTHING;
    return this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(this.#bytes));
  }

  /** Takes back what lies in memory of ours; nobody may use it after that. */
  giveBack({ buffer }: Uint8Array): void {
    if (buffer instanceof SharedArrayBuffer && buffer.byteLength === this.#bytes)
      this.#free.push(new Uint8Array(buffer));
  }
}

const NOTHING: Uint8Array = new Uint8Array(0);
