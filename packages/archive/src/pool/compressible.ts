/**
 * Tells early whether a blob is worth compressing: already compressed or encrypted data costs zstd time and gains nothing.
 * Version 2 repositories may hold uncompressed blobs, so that a wrong guess costs space, never correctness.
 */
import type { Memory, Platform } from '@hostark/kernels';

/** Smaller blobs are not sampled: asking would cost as much. */
const LEAST_BYTES = 256 * 1024;
/** How many places are looked at, and bytes at each: a mixed blob shows itself in one of them. */
const PIECES = 16;
const PIECE_BYTES = 4096;
/** Random bytes never shrink at all. A laxer bound costs nearly 1 % of the repository where files are mixed (libraries). */
const INCOMPRESSIBLE_SHARE = 0.998;

/**
 * How files begin whose content is a compressed stream: gzip with deflate, xz, zstd, bzip2, PNG. Not zip: its members may
 * be stored. What is lost is below 1 % of such files; documentation folders are full of small ones.
 */
const COMPRESSED_STARTS: readonly (readonly number[])[] = [
  [0x1f, 0x8b, 0x08],
  [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
  [0x28, 0xb5, 0x2f, 0xfd],
  [0x42, 0x5a, 0x68],
  [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
];

/** Samples blobs; keeps one small buffer. Not for use by two threads. */
export class CompressionProbe {
  readonly #platform: Platform;
  readonly #sample = new Uint8Array(PIECES * PIECE_BYTES);
  /** Room for the frame: zstd asks for 1 % and 1 KiB more than the data. */
  readonly #frame = new Uint8Array(PIECES * PIECE_BYTES * 1.01 + 1024);

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Returns false if the `length` bytes from `at` on begin as compressed data does, or a sample of them does not shrink. */
  worthTrying(plain: Memory, at: number, length: number): boolean {
    if (length < LEAST_BYTES) return !beginsCompressed(plain.bytes, at, length);
    const step = (length - PIECE_BYTES) / (PIECES - 1);
    for (let piece = 0; piece < PIECES; piece++) {
      const from = at + Math.floor(piece * step);
      this.#sample.set(plain.bytes.subarray(from, from + PIECE_BYTES), piece * PIECE_BYTES);
    }
    return (
      this.#platform.zstdCompress(this.#sample, 1, this.#frame).length < this.#sample.length * INCOMPRESSIBLE_SHARE
    );
  }
}

function beginsCompressed(bytes: Uint8Array, at: number, length: number): boolean {
  const first = bytes[at]!;
  for (const start of COMPRESSED_STARTS) {
    if (first === start[0] && start.length <= length) return start.every((byte, i) => bytes[at + i] === byte);
  }
  return false;
}
