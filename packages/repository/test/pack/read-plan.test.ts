import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryBackend } from '../../src/backends/memory.ts';
import { packId } from '../../src/ids.ts';
import { planPackReads, readPackRanges } from '../../src/pack/read-plan.ts';

const PACK = packId('ab'.repeat(32));

test('near ranges share a request, far ones do not, and a long run is cut', () => {
  const ranges = [
    { offset: 0, length: 10 },
    { offset: 15, length: 5 },
    { offset: 31, length: 4 },
    { offset: 35, length: 60 },
    { offset: 95, length: 200 },
  ];
  const requests = planPackReads(ranges, { maxGap: 10, maxRequest: 64 });
  expect(requests.map(({ offset, length, ranges: { length: count } }) => [offset, length, count])).toEqual([
    [0, 20, 2],
    [31, 64, 2],
    [95, 200, 1],
  ]);
});

test('ranges that are not sorted are refused', () => {
  expect(() =>
    planPackReads([
      { offset: 5, length: 1 },
      { offset: 4, length: 1 },
    ]),
  ).toThrow(RangeError);
});

test('every range gets its own bytes, in order, within the bounds', async () => {
  const pack = new Uint8Array(5000).map((_, i) => (i * 7) ^ (i >> 8));
  const backend = memoryBackend();
  await backend.save({ type: 'data', name: PACK }, pack);
  const range = fc.record({ offset: fc.integer({ min: 0, max: 4500 }), length: fc.integer({ min: 1, max: 500 }) });
  const limits = fc.record({ maxGap: fc.integer({ min: 0, max: 300 }), maxRequest: fc.integer({ min: 1, max: 2000 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(range, { maxLength: 30 }), limits, async (unsorted, bounds) => {
      const ranges = [...unsorted].sort((a, b) => a.offset - b.offset);
      const seen: unknown[] = [];
      for await (const { range: got, sealed } of readPackRanges(backend, PACK, ranges, bounds)) {
        seen.push(got);
        expect(sealed).toEqual(pack.subarray(got.offset, got.offset + got.length));
      }
      expect(seen).toEqual(ranges);
      for (const { length, ranges: parts } of planPackReads(ranges, bounds)) {
        const single = Math.max(...parts.map((part) => part.length));
        expect(length).toBeLessThanOrEqual(Math.max(bounds.maxRequest, single));
      }
    }),
    { seed: 20260801, numRuns: 200 },
  );
});
