/**
 * Memory for segments that are loaded from afar, used again and again, and shared with the threads that open them. There is
 * never more of it than segments were under way at once. On large pages: there is much of it, and each small one costs when it is new.
 */
import { largePagesOfSharedMemory } from '@hostark/kernels';

export class SegmentMemory {
  readonly #bytes: number;
  readonly #free: Uint8Array[] = [];
  /** All that was made, by what it lies in. */
  readonly #made = new Map<ArrayBufferLike, Uint8Array>();

  /** `bytes`: what one segment takes, but for single blobs that are larger. */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Returns room for a segment of `length`; empty if it is larger than usual: then it gets memory of its own. */
  take(length: number): Uint8Array {
    if (length > this.#bytes) return NOTHING;
    return this.#free.pop() ?? this.#make();
  }

  /** Takes back what lies in memory of ours; nobody may use it after that. */
  giveBack({ buffer }: Uint8Array): void {
    const whole = this.#made.get(buffer);
    if (whole !== undefined) this.#free.push(whole);
  }

  #make(): Uint8Array {
    const made = largePagesOfSharedMemory(this.#bytes);
    this.#made.set(made.buffer, made);
    return made;
  }
}

const NOTHING: Uint8Array = new Uint8Array(0);
