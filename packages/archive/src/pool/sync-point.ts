/**
 * Cut points of a large file that are certain without knowing where its earlier chunks end, so that several workers can
 * each take a part of one file and still find exactly the chunks that one pass from its beginning would find.
 *
 * Let f(s) be the end of the chunk that starts at s: the first candidate in [s + MIN, s + MAX], else s + MAX. f is
 * monotone. Hence the first true cut at or after any position a lies in [a, f(a)], the next one in f([a, f(a)]), and so
 * on. Once such a set of possibilities has shrunk to one position, that position is a true cut. On ordinary data this
 * takes a few chunks; on data without structure (long runs of zeros) it never happens, and the file is not split there.
 */
import { MAX_CHUNK, MIN_CHUNK } from '@hostark/kernels';

/** Where chunk-independent candidates lie, asked in ascending order. */
export interface CandidateSource {
  /** Returns the first candidate at or after `from`, or null if there is none up to `limit` or that cannot be known. */
  next(from: number, limit: number): number | null;
  /** True once the source has given up: answers of null are not to be trusted. */
  readonly exhausted: boolean;
}

/** Positions from `low` to `high`, both included. */
interface Interval {
  readonly low: number;
  readonly high: number;
}

/** More possibilities than this do not shrink in reasonable time. */
const MAX_INTERVALS = 64;

/** Returns a certain cut after `anchor`, or null if none is found before `limit`. */
export function findSyncPoint(anchor: number, limit: number, source: CandidateSource): number | null {
  let possible: Interval[] = [{ low: anchor, high: chunkEnd(anchor, source) }];
  while (possible[possible.length - 1]!.high < limit && !source.exhausted) {
    possible = image(possible, source);
    if (source.exhausted || possible.length > MAX_INTERVALS) return null;
    const only = possible[0]!;
    if (possible.length === 1 && only.low === only.high) return only.low < limit ? only.low : null;
  }
  return null;
}

function chunkEnd(start: number, source: CandidateSource): number {
  return source.next(start + MIN_CHUNK, start + MAX_CHUNK) ?? start + MAX_CHUNK;
}

/** Returns { f(s) : s in starts }, as ascending disjoint intervals. */
function image(starts: readonly Interval[], source: CandidateSource): Interval[] {
  const ends: Interval[] = [];
  for (const { low, high } of starts) {
    for (let start = low; start <= high; ) {
      const candidate = source.next(start + MIN_CHUNK, high + MAX_CHUNK);
      if (source.exhausted) return ends;
      if (candidate !== null && candidate <= start + MAX_CHUNK) {
        append(ends, candidate, candidate);
        start = candidate - MIN_CHUNK + 1; // all starts up to candidate - MIN end at the same candidate
        continue;
      }
      // No candidate in reach: forced cuts, up to the first start that reaches the candidate.
      const last = candidate === null ? high : Math.min(high, candidate - MAX_CHUNK - 1);
      append(ends, start + MAX_CHUNK, last + MAX_CHUNK);
      start = last + 1;
    }
  }
  return ends;
}

function append(intervals: Interval[], low: number, high: number): void {
  const last = intervals[intervals.length - 1];
  if (last !== undefined && low <= last.high + 1) {
    if (high > last.high) intervals[intervals.length - 1] = { low: last.low, high };
    return;
  }
  intervals.push({ low, high });
}
