/**
 * Cut points of a large file that are certain without knowing where its earlier chunks end, so that several workers can
 * each take a part of one file and still find exactly the chunks that one pass from its beginning would find.
 *
 * Let f(s) be the end of the chunk that starts at s: the first candidate in [s + MIN, s + MAX], else s + MAX. f never
 * decreases. Hence the first true cut at or after any position a lies in [a, f(a)]: the chain of true cuts is one of the
 * chains that start there. Keep one position of each chain, advance the one that is furthest behind, and drop what
 * coincides: when a single position is left, all chains pass through it, so it is a true cut. On ordinary data this takes
 * a few chunks; on data without structure (long runs of zeros) it never happens, and the file is not split there.
 */
import { MAX_CHUNK, MIN_CHUNK } from '@hostark/kernels';

/** Where chunk-independent candidates lie. */
export interface CandidateSource {
  /** Returns the first candidate from `from` to `limit`, both included, or null if there is none. */
  next(from: number, limit: number): number | null;
  /** True once the source has given up: answers of null are not to be trusted. */
  readonly exhausted: boolean;
}

/** Positions from `low` to `high`, both included. */
interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A search that takes more steps than this is in data where chains do not meet. */
const MAX_STEPS = 2000;

/** Returns a certain cut after `anchor`, or null if none is found before `limit`. */
export function findSyncPoint(anchor: number, limit: number, source: CandidateSource): number | null {
  // The chain through f(anchor) is the one through the anchor.
  let chains: Interval[] = [{ low: anchor, high: chunkEnd(anchor, source) - 1 }];
  const steps = { left: MAX_STEPS };
  while (!source.exhausted && steps.left > 0) {
    const behind = chains[0]!;
    if (behind.low >= limit) return null;
    if (chains.length === 1 && behind.low === behind.high) return behind.low;
    chains = merge(chains.slice(1), image(behind, source, steps));
  }
  return null;
}

function chunkEnd(start: number, source: CandidateSource): number {
  return source.next(start + MIN_CHUNK, start + MAX_CHUNK) ?? start + MAX_CHUNK;
}

/** Returns { f(s) : s in starts }, ascending and disjoint. Worth nothing if the source gives up or no steps are left. */
function image(starts: Interval, source: CandidateSource, steps: { left: number }): Interval[] {
  const ends: Interval[] = [];
  for (let start = starts.low; start <= starts.high && steps.left > 0; steps.left--) {
    const candidate = source.next(start + MIN_CHUNK, starts.high + MAX_CHUNK);
    if (source.exhausted) break;
    if (candidate !== null && candidate <= start + MAX_CHUNK) {
      ends.push({ low: candidate, high: candidate });
      start = candidate - MIN_CHUNK + 1; // all starts up to candidate - MIN end at the same candidate
      continue;
    }
    // No candidate in reach: forced cuts, up to the first start that reaches the candidate.
    const last = candidate === null ? starts.high : Math.min(starts.high, candidate - MAX_CHUNK - 1);
    ends.push({ low: start + MAX_CHUNK, high: last + MAX_CHUNK });
    start = last + 1;
  }
  return ends;
}

/** Returns the union, ascending; intervals that touch become one. */
function merge(a: readonly Interval[], b: readonly Interval[]): Interval[] {
  const union: Interval[] = [];
  for (const { low, high } of [...a, ...b].sort((x, y) => x.low - y.low)) {
    const last = union[union.length - 1];
    if (last === undefined || low > last.high + 1) union.push({ low, high });
    else if (high > last.high) union[union.length - 1] = { low: last.low, high };
  }
  return union;
}
