/** Packs verified abreast get the verdicts that each of them gets alone. */
import { nodePlatform } from '@hostark/kernels';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { publishPack } from '../../src/blobs/publish.ts';
import { BlobTable } from '../../src/blobs/table.ts';
import { PackCheck } from '../../src/check/pack-check.ts';
import { PackOrder } from '../../src/check/pack-order.ts';
import { type PackOutcome, PacksAbreast } from '../../src/check/packs-abreast.ts';
import type { PackVerdict } from '../../src/check/verdict.ts';
import { splitKey } from '../../src/keys/key-file.ts';
import { PackWriter } from '../../src/pack/writer.ts';
import { noise } from '../support/sample.ts';

const SEED = 20_261_201;
const native = nodePlatform();
const fallback = nodePlatform({ native: false });
const key = splitKey(noise(native, 'key', 64));
const canOpen = native.opener(key) !== null;

/** Packs of blobs stored as they are, in one table. */
function packsOf(packs: readonly (readonly number[])[]): { blobs: BlobTable; bytes: Uint8Array[] } {
  const blobs = BlobTable.create();
  const writer = new PackWriter(native, native.sealer(key), new Uint8Array(4 << 20));
  const bytes = packs.map((lengths, pack) => {
    for (const [i, length] of lengths.entries()) {
      const plain = noise(native, `${pack} ${i}`, length);
      writer.add('data', native.sha256(plain), plain, 0);
    }
    const finished = writer.finish();
    const copy = new Uint8Array(finished.bytes);
    publishPack(blobs, { sha256: Buffer.from(finished.id, 'hex'), header: finished.header });
    writer.reset();
    return copy;
  });
  return { blobs, bytes };
}

const bytesOf = (bytes: Uint8Array, failAt = Number.POSITIVE_INFINITY) => ({
  length: bytes.length,
  read(offset: number, out: Uint8Array): void {
    if (offset + out.length > failAt) throw new RangeError('the disk is gone');
    out.set(bytes.subarray(offset, offset + out.length));
  },
});

function abreast(blobs: BlobTable, packs: ReturnType<typeof bytesOf>[], most: number): (PackVerdict | null)[] {
  const order = PackOrder.of(blobs);
  const check = PacksAbreast.create({ platform: native, sealer: native.sealer(key), blobs }, key, most)!;
  const verdicts: (PackVerdict | null)[] = [];
  const take = (outcomes: PackOutcome[]): void => {
    for (const { file, verdict } of outcomes) verdicts[file] = verdict;
  };
  for (const [pack, bytes] of packs.entries()) {
    while (check.isFull) take(check.step());
    check.add(pack, { id: blobs.packId(pack), bytes, blobs: order.blobsOf(pack) });
  }
  while (!check.isEmpty) take(check.step());
  return verdicts;
}

describe.skipIf(!canOpen)('packs abreast', () => {
  const size = fc.oneof(
    fc.constantFrom(0, 1, 64, 127, 128, 65_536, 65_537, 131_072),
    fc.integer({ min: 0, max: 3000 }),
    fc.integer({ min: 0, max: 200_000 }),
  );
  const pack = fc.record({
    lengths: fc.array(size, { minLength: 1, maxLength: 4 }),
    damage: fc.option(fc.nat(), { nil: null }),
  });

  test('get the verdicts of the slow way, whole or damaged, whatever their number', () => {
    fc.assert(
      fc.property(fc.array(pack, { minLength: 1, maxLength: 11 }), fc.integer({ min: 1, max: 9 }), (packs, most) => {
        const { blobs, bytes } = packsOf(packs.map(({ lengths }) => lengths));
        for (const [i, { damage }] of packs.entries()) if (damage !== null) bytes[i]![damage % bytes[i]!.length]! ^= 2;
        const sealer = fallback.sealer(key);
        const alone = new PackCheck({ platform: fallback, sealer, blobs, order: PackOrder.of(blobs) });
        const readable = bytes.map((one) => bytesOf(one));
        const verdicts = abreast(blobs, readable, most);
        expect(verdicts).toEqual(readable.map((one, i) => alone.run(i, one)));
        for (const [i, { damage }] of packs.entries()) expect(verdicts[i]!.problems.length > 0).toBe(damage !== null);
      }),
      { seed: SEED, numRuns: 16 },
    );
  }, 60_000);

  test('do not hold each other up when one cannot be read, and leave nothing behind for the next', () => {
    const { blobs, bytes } = packsOf(Array.from({ length: 6 }, () => [150_000, 90_000]));
    const packs = bytes.map((one, i) => bytesOf(one, i === 1 ? 200_000 : i === 2 ? 10 : undefined));
    const verdicts = abreast(blobs, packs, 3);
    expect(verdicts.map((verdict) => verdict?.problems)).toEqual([[], undefined, undefined, [], [], []]);
  });
});

test('only large blobs that are stored as they are and lie side by side suit', () => {
  const blob = { pack: 0, offset: 0, length: 400_000, uncompressedLength: 0, entry: 0 };
  const second = { ...blob, offset: 400_000, entry: 1 };
  expect(PacksAbreast.suits([blob, second], 800_100)).toBe(true);
  expect(PacksAbreast.suits([blob, second], 800_000)).toBe(false);
  expect(PacksAbreast.suits([blob, { ...second, offset: 399_999 }], 800_100)).toBe(false);
  expect(PacksAbreast.suits([second], 800_100)).toBe(false);
  expect(PacksAbreast.suits([{ ...blob, uncompressedLength: 500_000 }], 800_100)).toBe(false);
  expect(PacksAbreast.suits([{ ...blob, length: 100_000 }], 800_100)).toBe(false);
  expect(PacksAbreast.suits([{ ...blob, length: 31 }], 800_100)).toBe(false);
  expect(PacksAbreast.suits([], 800_100)).toBe(false);
});
