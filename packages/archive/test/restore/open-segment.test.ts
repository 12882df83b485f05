/** Blobs of a segment, opened two at a time: each is told once, and nothing that is not what its id says. */
import { nodePlatform } from '@hostark/kernels';
import { BlobTable } from '@hostark/repository';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SegmentOpener } from '../../src/restore/open-segment.ts';
import { newNeeds } from '../../src/restore/plan.ts';
import { noise } from '../support/test-repository.ts';

const SEED = 20_261_201;
const KEY = { encrypt: noise(32, 1), macK: noise(16, 2), macR: noise(16, 3) };

const size = fc.oneof(
  fc.constantFrom(0, 1, 65_535, 65_536, 65_537, 131_072),
  fc.integer({ min: 0, max: 20_000 }),
  fc.integer({ min: 0, max: 400_000 }),
);
const blob = fc.record({
  size,
  framed: fc.boolean(),
  needs: fc.integer({ min: 1, max: 3 }),
  /** What is wrong with it: nothing mostly. */
  state: fc.constantFrom('good', 'good', 'good', 'good', 'wrong seal', 'wrong id', 'wrong length'),
});

describe.each([
  ['native', {}],
  ['fallback', { native: false }],
])('a segment on the %s platform', (_name, options) => {
  const platform = nodePlatform(options);
  const sealer = platform.sealer(KEY);
  const opener = new SegmentOpener(platform, sealer, BlobTable.create());

  test('has all its good blobs told with their content, the others as damaged, each once', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(blob, { minLength: 1, maxLength: 9, selector: ({ size: bytes }) => bytes }),
        fc.nat({ max: 200 }),
        fc.boolean(),
        (blobs, gap, short) => {
          const table = BlobTable.create();
          table.addPack(noise(32, 4));
          const segment = Buffer.alloc(4_000_000);
          const needs = newNeeds(blobs.reduce((sum, { needs: count }) => sum + count, 0));
          const expected: [number, number, Uint8Array | null][] = [];
          let at = 0;
          let need = 0;
          for (const [i, { size: bytes, framed, needs: count, state }] of blobs.entries()) {
            const plain = noise(bytes, i + 5);
            const stored = framed && bytes > 0 ? platform.zstdCompress(plain, 1) : plain;
            const length = stored.length + 32;
            sealer.seal(stored, segment.subarray(at, at + length));
            if (state === 'wrong seal') segment[at + length - 1]! ^= 1;
            const id = new Uint8Array(platform.sha256(plain));
            if (state === 'wrong id') id[31]! ^= 1;
            const frameOf = framed && bytes > 0 ? bytes + (state === 'wrong length' ? 1 : 0) : 0;
            table.publish('data', id, 0, { pack: 0, offset: 1000 + at, length, uncompressedLength: frameOf });
            const isGood = state === 'good' || (state === 'wrong length' && frameOf === 0);
            const entry = table.entry('data', id);
            needs.entries.fill(entry, need, need + count);
            expected.push([need, need + count, isGood ? plain : null]);
            need += count;
            at += length + gap;
          }
          if (short) expected[expected.length - 1]![2] = null;
          const told: [number, number, Uint8Array | null][] = [];
          const bytes = segment.subarray(0, at - gap - (short ? 1 : 0));
          new SegmentOpener(platform, sealer, table).open(bytes, 1000, needs, 0, needs.count, (from, to, plain) => {
            told.push([from, to, plain === null ? null : new Uint8Array(plain)]);
          });
          told.sort(([a], [b]) => a - b);
          expect(told.map(([from, to]) => [from, to])).toEqual(expected.map(([from, to]) => [from, to]));
          for (const [i, [, , plain]] of told.entries()) {
            const wanted = expected[i]![2];
            expect(plain === null).toBe(wanted === null);
            if (plain !== null && wanted !== null) expect(Buffer.compare(plain, wanted)).toBe(0);
          }
        },
      ),
      { seed: SEED, numRuns: 80 },
    );
  });

  test('leaves nothing behind when its receiver throws', () => {
    const table = BlobTable.create();
    table.addPack(noise(32, 4));
    const plains = [noise(150_000, 1), noise(90_000, 2), noise(300_000, 3)];
    const sealed = plains.map((plain) => {
      const box = new Uint8Array(plain.length + 32);
      sealer.seal(plain, box);
      return box;
    });
    const needs = newNeeds(3);
    let offset = 0;
    for (const [i, plain] of plains.entries()) {
      const id = new Uint8Array(platform.sha256(plain));
      table.publish('data', id, 0, { pack: 0, offset, length: sealed[i]!.length, uncompressedLength: 0 });
      needs.entries[i] = table.entry('data', id);
      offset += sealed[i]!.length;
    }
    const mine = new SegmentOpener(platform, sealer, table);
    const fail = (): void => {
      throw new Error('the disk says no');
    };
    expect(() => mine.open(Buffer.concat(sealed), 0, needs, 0, 3, fail)).toThrow('the disk says no');
    const told: boolean[] = [];
    mine.open(Buffer.concat(sealed), 0, needs, 0, 3, (_from, _to, plain) => told.push(plain !== null));
    expect(told).toEqual([true, true, true]);
  });

  test('of which a wrong index says that another blob overlaps keeps the first one whole', () => {
    const table = BlobTable.create();
    table.addPack(noise(32, 4));
    const plain = noise(90_000, 2);
    const box = new Uint8Array(plain.length + 32);
    sealer.seal(plain, box);
    const needs = newNeeds(2);
    for (const [i, id] of [new Uint8Array(platform.sha256(plain)), noise(32, 9)].entries()) {
      table.publish('data', id, 0, { pack: 0, offset: 8 * i, length: box.length - 8 * i, uncompressedLength: 0 });
      needs.entries[i] = table.entry('data', id);
    }
    const told: (Uint8Array | null)[] = [];
    const take = (_from: number, _to: number, found: Uint8Array | null): void => {
      told.push(found === null ? null : new Uint8Array(found));
    };
    new SegmentOpener(platform, sealer, table).open(box, 0, needs, 0, 2, take);
    expect(told).toEqual([plain, null]);
  });

  test('without needs calls nobody', () => {
    opener.open(new Uint8Array(0), 0, newNeeds(0), 0, 0, () => expect.unreachable());
  });
});
