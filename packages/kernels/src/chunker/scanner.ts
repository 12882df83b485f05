/**
 * The chunk scanner: finds the cuts of restic's content-defined chunking (restic/chunker).
 * A cut lies where the low 20 bits of the 64-byte Rabin fingerprint are zero, 512 KiB to 8 MiB after the last cut.
 * The fingerprint depends on the 64 bytes before a position alone, so that positions can be tested in any order.
 */

/** Least bytes in a chunk, save the last of a file. */
export const MIN_CHUNK = 524_288;
/** Most bytes in a chunk. */
export const MAX_CHUNK = 8_388_608;
/** Bytes that the fingerprint covers. */
export const WINDOW = 64;
/** A cut lies where the fingerprint's bits under this mask are zero: once in 2^20 positions on random data. */
export const SPLIT_MASK = 0xf_ffff;

export interface ChunkScanner {
  /** The memory that is scanned: read file bytes straight into it (`fs.readSync` works). It never moves. */
  readonly arena: Uint8Array;
  /**
   * Returns the end (exclusive) of the chunk that starts at `start`, or 0 when no cut lies in the valid bytes
   * up to `end` and more may come. Offsets are in `arena`; `eof` says that the file ends at `end`.
   * `from`: an earlier call with the same start already answered 0 for this `end`; scanning resumes there.
   * Chunks of at most MIN_CHUNK bytes at the end of a file are not scanned at all. With `eof` and `start === end` returns 0.
   */
  cut(start: number, end: number, eof: boolean, from?: number): number;
  /**
   * Writes all positions p in (from, to] whose fingerprint over arena[p-64..p) has no bit under the mask to `out`,
   * ascending, and returns their count. There is one in 2^20 positions of random data, and one at every position of
   * zeros: when `out` is full, the rest begins after its last entry. Needs `from >= 63`; where chunks start is no matter.
   */
  candidates(from: number, to: number, out: Uint32Array): number;
}
