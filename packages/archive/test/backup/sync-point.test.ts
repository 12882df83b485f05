import { MAX_CHUNK, MIN_CHUNK } from '@hostark/kernels';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CandidateSource, findSyncPoint } from '../../src/pool/sync-point.ts';

const LIMIT = 40 * MAX_CHUNK;

/** Candidates from a sorted list. */
function listed(candidates: readonly number[]): CandidateSource {
  return {
    exhausted: false,
    next: (from, limit) => candidates.find((position) => position >= from && position <= limit) ?? null,
  };
}

/** All cuts from `start` on, found one chunk after the other: what one pass over the file does. */
function cutsFrom(start: number, candidates: readonly number[]): Set<number> {
  const cuts = new Set<number>();
  for (let at = start; at < 2 * LIMIT; ) {
    const end = candidates.find((position) => position >= at + MIN_CHUNK) ?? Number.POSITIVE_INFINITY;
    at = Math.min(end, at + MAX_CHUNK);
    cuts.add(at);
  }
  return cuts;
}

/** Distances between candidates, from crowded to further apart than the longest chunk. */
const gaps = fc.array(fc.integer({ min: 1, max: 3 * MIN_CHUNK }), { minLength: 30, maxLength: 120 });
const wideGaps = fc.array(fc.integer({ min: 1, max: 2 * MAX_CHUNK }), { minLength: 10, maxLength: 60 });

function positions(distances: readonly number[]): number[] {
  let at = 0;
  return distances.map((distance) => {
    at += distance;
    return at;
  });
}

describe('a sync point', () => {
  test('is a cut wherever the chunk before it started', () => {
    const starts = fc.array(fc.integer({ min: 0, max: MAX_CHUNK }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.oneof(gaps, wideGaps), starts, (distances, before) => {
        const candidates = positions(distances);
        const anchor = 2 * MAX_CHUNK;
        const found = findSyncPoint(anchor, LIMIT, listed(candidates));
        if (found === null) return;
        expect(found).toBeGreaterThan(anchor);
        for (const start of before) expect(cutsFrom(start, candidates).has(found)).toBe(true);
      }),
      { seed: 4711, numRuns: 300 },
    );
  });

  test('is found on data with ordinary structure', () => {
    let state = 1;
    const distances = Array.from({ length: 300 }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return 1 + Math.floor(-Math.log((state + 1) / 2 ** 32) * 2 ** 20);
    });
    expect(findSyncPoint(0, LIMIT, listed(positions(distances)))).not.toBeNull();
  });

  test('does not exist in zeros, where every position is a candidate', () => {
    const everywhere: CandidateSource = { exhausted: false, next: (from, limit) => (from <= limit ? from : null) };
    expect(findSyncPoint(0, LIMIT, everywhere)).toBeNull();
  });

  test('does not exist where there is no candidate at all', () => {
    expect(findSyncPoint(0, LIMIT, listed([]))).toBeNull();
  });
});
