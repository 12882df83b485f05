import type { BlobPlace } from '@hostark/repository';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newNeeds, type PlaceOf, planSegments, shareOut } from '../../src/restore/plan.ts';
import { type Need, planSlowly, type Segment } from '../reference/slow-plan.ts';

const LIMITS = { segmentBytes: 1000, gapBytes: 100, needs: 6 };

/** Packs of blobs without gaps, and files that are sequences of those blobs, repeats included. */
const world = fc
  .array(fc.array(fc.integer({ min: 33, max: 1500 }), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 })
  .chain((packs) => {
    const blobs = packs.flatMap((lengths, pack) => {
      let offset = 0;
      return lengths.map((length, i) => {
        const place = { pack, offset, length, uncompressedLength: 0 };
        offset += length;
        return { id: 100 * pack + i, place };
      });
    });
    const file = fc.array(fc.constantFrom(...blobs), { maxLength: 10 });
    return fc.array(file, { maxLength: 8 });
  });

function needsOf(files: readonly (readonly { id: number; place: BlobPlace }[])[]): Need[] {
  return files.flatMap((blobs, file) => {
    let fileOffset = 0;
    return blobs.map((blob) => {
      const need = { file, fileOffset, ...blob };
      fileOffset += blob.place.length - 32;
      return need;
    });
  });
}

/** Plans by columns and tells the result in the words of the reference. */
function plan(needs: readonly Need[]): Segment[] {
  const places = new Map(needs.map(({ id, place }) => [id, place]));
  const placeOf: PlaceOf = (entry) => places.get(entry)!;
  const columns = newNeeds(needs.length);
  needs.forEach(({ file, fileOffset, id }, i) => {
    columns.rows[i] = file;
    columns.offsets[i] = fileOffset;
    columns.entries[i] = id;
  });
  const { needs: sorted, segments } = planSegments(columns, placeOf, LIMITS);
  return segments.map(({ pack, offset, length, from, to }) => {
    const pieces: Segment['pieces'][number][] = [];
    for (let i = from; i < to; i++) {
      const id = sorted.entries[i]!;
      const place = placeOf(id);
      const target = { file: sorted.rows[i]!, fileOffset: sorted.offsets[i]! };
      const last = pieces.at(-1);
      if (i > from && last?.id === id) pieces[pieces.length - 1] = { ...last, targets: [...last.targets, target] };
      else {
        const { length: stored, uncompressedLength } = place;
        pieces.push({ id, offset: place.offset - offset, length: stored, uncompressedLength, targets: [target] });
      }
    }
    return { pack, offset, length, pieces };
  });
}

describe('a restore plan', () => {
  test('is that of the slow reference', () => {
    fc.assert(
      fc.property(world, (files) => {
        const needs = needsOf(files);
        expect(plan(needs)).toEqual(planSlowly(needs, LIMITS));
      }),
      { seed: 5, numRuns: 1000 },
    );
  });

  test('serves every byte of every file exactly once, from where the blob lies', () => {
    fc.assert(
      fc.property(world, (files) => {
        const needs = needsOf(files);
        const served = plan(needs).flatMap((segment) =>
          segment.pieces.flatMap((piece) =>
            piece.targets.map(
              ({ file, fileOffset }) =>
                `${file}@${fileOffset}<-${segment.pack}:${segment.offset + piece.offset}+${piece.length} ${piece.id}`,
            ),
          ),
        );
        const wanted = needs.map(
          ({ file, fileOffset, place, id: blob }) =>
            `${file}@${fileOffset}<-${place.pack}:${place.offset}+${place.length} ${blob}`,
        );
        expect(served.sort()).toEqual(wanted.sort());
      }),
      { seed: 5, numRuns: 1000 },
    );
  });

  test('reads no blob twice, no segment beyond the limit but for a single blob, and no gap beyond the limit', () => {
    fc.assert(
      fc.property(world, (files) => {
        const segments = plan(needsOf(files));
        const read = segments.flatMap(({ pack, offset, pieces }) => pieces.map((p) => `${pack}:${offset + p.offset}`));
        expect(new Set(read).size).toBe(read.length);
        for (const { length, pieces } of segments) {
          if (pieces.length > 1) expect(length).toBeLessThanOrEqual(LIMITS.segmentBytes);
          const before = pieces.slice(0, -1).reduce((sum, { targets }) => sum + targets.length, 0);
          expect(before).toBeLessThan(LIMITS.needs);
          let end = 0;
          for (const piece of pieces) {
            expect(piece.offset - end).toBeLessThanOrEqual(LIMITS.gapBytes);
            end = piece.offset + piece.length;
          }
          expect(end).toBe(length);
        }
      }),
      { seed: 6, numRuns: 1000 },
    );
  });

  test('never takes one blob for another that a wrong index puts at the same place', () => {
    const place = { pack: 0, offset: 0, length: 100, uncompressedLength: 0 };
    const [segment, ...more] = plan([1, 2, 1, 2].map((id, i) => ({ file: i, fileOffset: 0, id, place })));
    expect(more).toEqual([]);
    expect(segment!.pieces.map((piece) => [piece.id, piece.targets.map(({ file }) => file)])).toEqual([
      [1, [0, 2]],
      [2, [1, 3]],
    ]);
  });

  test('is shared out at the ends of blobs, and never between two that overlap', () => {
    const blob = fc.record({
      gap: fc.integer({ min: -60, max: 20 }),
      length: fc.integer({ min: 33, max: 99 }),
      needs: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(blob, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 9 }), (blobs, count) => {
        let at = 100;
        const places = blobs.map(({ gap, length }) => {
          at = Math.max(0, at + gap);
          return { pack: 0, offset: at, length, uncompressedLength: 0 };
        });
        const entries = blobs.flatMap(({ needs }, entry) => new Array<number>(needs).fill(entry));
        const needs = newNeeds(entries.length);
        needs.entries.set(entries);
        const segment = { pack: 0, offset: 0, length: at + 99, from: 0, to: entries.length };
        const parts = shareOut(segment, needs, (entry) => places[entry]!, count);
        expect(parts.flatMap(({ from, to }) => entries.slice(from, to))).toEqual(entries);
        for (const { from, to } of parts.slice(0, -1)) {
          expect(to - from).toBeGreaterThanOrEqual(count);
          const next = entries[to]!;
          expect(entries[to - 1]).not.toBe(next);
          for (const before of places.slice(0, next)) {
            expect(before.offset + before.length).toBeLessThanOrEqual(places[next]!.offset);
          }
        }
      }),
      { seed: 9, numRuns: 500 },
    );
  });

  test('joins near blobs and takes packs in the order of need', () => {
    const need = (n: number, pack: number, offset: number): Need => {
      return { file: 0, fileOffset: 18 * n, id: n, place: { pack, offset, length: 50, uncompressedLength: 0 } };
    };
    const segments = plan([need(0, 7, 300), need(1, 3, 0), need(2, 7, 0), need(3, 7, 120), need(4, 7, 600)]);
    expect(segments.map(({ pack, offset, length }) => [pack, offset, length])).toEqual([
      [7, 0, 170],
      [7, 300, 50],
      [7, 600, 50],
      [3, 0, 50],
    ]);
  });

  test('orders more needs of one pack than fit into the quick keys', () => {
    const count = 2 ** 21 + 3;
    const columns = newNeeds(count);
    for (let i = 0; i < count; i++) columns.entries[i] = i % 2;
    columns.rows.forEach((_, i) => {
      columns.rows[i] = i;
    });
    const placeOf: PlaceOf = (entry) => ({ pack: 0, offset: entry === 0 ? 50 : 0, length: 50, uncompressedLength: 0 });
    const { needs, segments } = planSegments(columns, placeOf, { ...LIMITS, needs: count });
    expect(segments).toEqual([{ pack: 0, offset: 0, length: 100, from: 0, to: count }]);
    expect([needs.rows[0], needs.rows[2 ** 20], needs.rows[2 ** 20 + 1], needs.rows[count - 1]]).toEqual([
      1,
      0 + 2 ** 21 + 1,
      0,
      2 ** 21 + 2,
    ]);
  });
});
