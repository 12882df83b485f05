import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dataRanges, HOLE_BYTES } from '../../src/restore/holes.ts';

test('what is left out is zero and lies on whole blocks of the file; what is kept covers the rest', () => {
  const piece = fc.record({ zeros: fc.boolean(), length: fc.integer({ min: 1, max: 3 * HOLE_BYTES }) });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.integer({ min: 0, max: 3 * HOLE_BYTES }), (pieces, offset) => {
      const data = Buffer.concat(pieces.map(({ zeros, length }) => Buffer.alloc(length, zeros ? 0 : 1)));
      const ranges = dataRanges(data, offset);
      const rebuilt = Buffer.alloc(data.length);
      let end = 0;
      for (let i = 0; i < ranges.length; i += 2) {
        const [from, to] = [ranges[i]!, ranges[i + 1]!];
        expect(from).toBeGreaterThanOrEqual(end);
        if (from > end) expect((offset + from) % HOLE_BYTES).toBe(0);
        data.copy(rebuilt, from, from, to);
        end = to;
      }
      expect(rebuilt.equals(data)).toBe(true);
    }),
    { seed: 7, numRuns: 500 },
  );
});

test('a block of zeros in the middle is a hole, a block that is zero but for its last byte is not', () => {
  const data = new Uint8Array(4 * HOLE_BYTES);
  data[0] = 1;
  data[3 * HOLE_BYTES - 1] = 1;
  expect(dataRanges(data, 0)).toEqual([0, HOLE_BYTES, 2 * HOLE_BYTES, 3 * HOLE_BYTES]);
});
