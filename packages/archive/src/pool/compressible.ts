/**
 * Tells early whether a blob is worth compressing: already compressed or encrypted data costs zstd time and gains nothing.
 * Version 2 repositories may hold uncompressed blobs, so that a wrong guess costs space, never correctness.
 */
import type { Platform } from '@hostark/kernels';

/** Blobs below this are simply compressed: asking would cost as much. */
const LEAST_BYTES = 256 * 1024;
/** How many places are looked at, and bytes at each: a mixed blob shows itself in one of them. */
const PIECES = 16;
const PIECE_BYTES = 4096;
/** Random bytes never shrink at all. A laxer bound costs nearly 1 % of the repository where files are mixed (libraries). */
const INCOMPRESSIBLE_SHARE = 0.998;

/** Samples blobs; keeps one small buffer. Not for use by two threads. */
export class CompressionProbe {
  readonly #platform: Platform;
  readonly #sample = new Uint8Array(PIECES * PIECE_BYTES);
  /** Room for the frame: zstd asks for 1 % and 1 KiB more than the data. */
  readonly #frame = new Uint8Array(PIECES * PIECE_BYTES * 1.01 + 1024);

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Returns false if a sample of `plain` does not shrink. */
  worthTrying(plain: Uint8Array): boolean {
    if (plain.length < LEAST_BYTES) return true;
    const step = (plain.length - PIECE_BYTES) / (PIECES - 1);
    for (let piece = 0; piece < PIECES; piece++) {
      const from = Math.floor(piece * step);
      this.#sample.set(plain.subarray(from, from + PIECE_BYTES), piece * PIECE_BYTES);
    }
    return (
      this.#platform.zstdCompress(this.#sample, 1, this.#frame).length < this.#sample.length * INCOMPRESSIBLE_SHARE
    );
  }
}
