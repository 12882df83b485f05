/** Where a chunk ends: the rules around the fingerprint (least and most bytes, end of file), shared by all scanners. */

import { MAX_CHUNK, MIN_CHUNK } from './scanner.ts';

/**
 * The contract of `ChunkScanner.cut`. `firstCandidate(after, to)` returns the first candidate p with after < p <= to, or 0.
 * Throws RangeError for offsets outside the arena of `arenaBytes`.
 */
export function chunkEnd(
  arenaBytes: number,
  start: number,
  end: number,
  eof: boolean,
  from: number,
  firstCandidate: (after: number, to: number) => number,
): number {
  if (!(start >= 0 && start <= end && end <= arenaBytes)) {
    throw new RangeError(`start and end: expected 0 <= start <= end <= ${arenaBytes}, got ${start} and ${end}`);
  }
  const least = start + MIN_CHUNK;
  const most = start + MAX_CHUNK;
  const to = Math.min(end, most);
  // The least bytes of a chunk are not even hashed, save the window before the first position that may be a cut.
  const after = Math.max(least - 1, from);
  // The file's end is a cut anyhow: a last chunk of at most MIN_CHUNK needs no scan.
  if (after < to && !(eof && end <= least)) {
    const hit = firstCandidate(after, to);
    if (hit !== 0) return hit;
  }
  if (end >= most) return most;
  return eof && end > start ? end : 0;
}
