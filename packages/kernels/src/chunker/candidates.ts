/** The contract of `ChunkScanner.candidates` around what finds one: shared by the scanners that scan many stretches at once. */
import { expectContext } from './plain-scanner.ts';

/**
 * `first(after, to)` returns the first candidate p with after < p <= to, or 0. `close(after, to, out)` writes to `out`, ascending,
 * those right behind the one at `after`, as many as it likes of them, and returns their count: in zeros every position is one.
 */
export function findCandidates(
  arenaBytes: number,
  from: number,
  to: number,
  out: Uint32Array,
  first: (after: number, to: number) => number,
  close: (after: number, to: number, out: Uint32Array) => number,
): number {
  expectContext(from, to, arenaBytes);
  let count = 0;
  let at = from;
  while (at < to && count < out.length) {
    const hit = first(at, to);
    if (hit === 0) break;
    out[count++] = hit;
    count += close(hit, to, out.subarray(count));
    at = out[count - 1]!;
  }
  return count;
}
