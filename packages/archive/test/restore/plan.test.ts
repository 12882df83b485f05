import type { BlobId } from '@hostark/repository';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Need, planSegments } from '../../src/restore/plan.ts';

const LIMITS = { segmentBytes: 1000, gapBytes: 100 };

const id = (n: number): BlobId => n.toString(16).padStart(64, '0') as BlobId;

/** Packs of blobs without gaps, and files that are sequences of those blobs, repeats included. */
const world = fc
  .array(fc.array(fc.integer({ min: 33, max: 1500 }), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 })
  .chain((packs) => {
    const blobs = packs.flatMap((lengths, pack) => {
      let offset = 0;
      return lengths.map((length, i) => {
        const place = { pack, offset, length, uncompressedLength: 0 };
        offset += length;
        return { id: id(100 * pack + i), place };
      });
    });
    const file = fc.array(fc.constantFrom(...blobs), { maxLength: 10 });
    return fc.array(file, { maxLength: 8 });
  });

function needsOf(files: readonly (readonly { id: BlobId; place: Need['place'] }[])[]): Need[] {
  return files.flatMap((blobs, file) => {
    let fileOffset = 0;
    return blobs.map((blob) => {
      const need = { file, fileOffset, ...blob };
      fileOffset += blob.place.length - 32;
      return need;
    });
  });
}

describe('a restore plan', () => {
  test('serves every byte of every file exactly once, from where the blob lies', () => {
    fc.assert(
      fc.property(world, (files) => {
        const needs = needsOf(files);
        const served = planSegments(needs, LIMITS).flatMap((segment) =>
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
        const segments = planSegments(needsOf(files), LIMITS);
        const read = segments.flatMap(({ pack, offset, pieces }) => pieces.map((p) => `${pack}:${offset + p.offset}`));
        expect(new Set(read).size).toBe(read.length);
        for (const { length, pieces } of segments) {
          if (pieces.length > 1) expect(length).toBeLessThanOrEqual(LIMITS.segmentBytes);
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
    const needs = [1, 2, 1, 2].map((blob, i) => ({ file: i, fileOffset: 0, id: id(blob), place }));
    const [segment, ...more] = planSegments(needs, LIMITS);
    expect(more).toEqual([]);
    expect(segment!.pieces.map((piece) => [piece.id, piece.targets.map(({ file }) => file)])).toEqual([
      [id(1), [0, 2]],
      [id(2), [1, 3]],
    ]);
  });

  test('joins near blobs and takes packs in the order of need', () => {
    const place = (pack: number, offset: number): Need['place'] => ({
      pack,
      offset,
      length: 50,
      uncompressedLength: 0,
    });
    const need = (n: number, pack: number, offset: number): Need => {
      return { file: 0, fileOffset: 18 * n, id: id(n), place: place(pack, offset) };
    };
    const segments = planSegments(
      [need(0, 7, 300), need(1, 3, 0), need(2, 7, 0), need(3, 7, 120), need(4, 7, 600)],
      LIMITS,
    );
    expect(segments.map(({ pack, offset, length }) => [pack, offset, length])).toEqual([
      [7, 0, 170],
      [7, 300, 50],
      [7, 600, 50],
      [3, 0, 50],
    ]);
  });
});
