/** Growable shared memory seen through views that other threads' growth never invalidates. */
/// <reference lib="es2024.sharedmemory" />

/** Reserves address space for `maxBytes` (no memory yet) and maps the first `bytes`. Halves the reserve where it is refused. */
export function growable(bytes: number, maxBytes: number): SharedArrayBuffer {
  for (let reserve = maxBytes; ; reserve = Math.max(bytes, reserve / 2)) {
    try {
      return new SharedArrayBuffer(bytes, { maxByteLength: reserve });
    } catch (cause) {
      if (reserve <= bytes) throw new RangeError(`cannot reserve ${bytes} bytes of shared memory`, { cause });
    }
  }
}

/** Makes a growable buffer at least `bytes` long; any thread may ask, also at the same time. Throws RangeError at its limit. */
export function growTo(buffer: SharedArrayBuffer, bytes: number): void {
  while (buffer.byteLength < bytes) {
    try {
      buffer.grow(bytes);
    } catch (cause) {
      // Another thread may have grown it further meanwhile: then there is nothing left to do.
      if (buffer.byteLength < bytes)
        throw new RangeError(`shared memory is full at ${buffer.byteLength} bytes`, { cause });
    }
  }
}

/**
 * A growing array of 32-bit words in shared memory, in segments of a fixed size: the index inside a segment stays small
 * (a double as an index is slow), and views of fixed length are as fast as on plain memory.
 */
export class Segments {
  readonly buffer: SharedArrayBuffer;
  readonly #segmentWords: number;
  readonly #views: Int32Array[] = [];

  constructor(buffer: SharedArrayBuffer, segmentWords: number) {
    this.buffer = buffer;
    this.#segmentWords = segmentWords;
  }

  /** Returns a segment; it must exist, by reserve() of this or another thread. */
  view(segment: number): Int32Array {
    return this.#views[segment] ?? this.#open(segment);
  }

  #open(segment: number): Int32Array {
    const bytes = this.#segmentWords * 4;
    for (let i = this.#views.length; i <= segment; i++) {
      this.#views.push(new Int32Array(this.buffer, i * bytes, this.#segmentWords));
    }
    return this.#views[segment]!;
  }

  /** Makes segments up to and including `segment` exist. Throws RangeError when the buffer's limit is reached. */
  reserve(segment: number): void {
    if (segment < this.#views.length) return;
    growTo(this.buffer, (segment + 1) * this.#segmentWords * 4);
  }
}
