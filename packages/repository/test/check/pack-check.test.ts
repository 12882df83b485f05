/** A pack verified with its hash beside those of its blobs: what is said of it is what the slow way says. */
import { createHash } from 'node:crypto';
import { nodePlatform, type Platform } from '@hostark/kernels';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { publishPack } from '../../src/blobs/publish.ts';
import { BlobTable } from '../../src/blobs/table.ts';
import { PackCheck } from '../../src/check/pack-check.ts';
import { PackOrder } from '../../src/check/pack-order.ts';
import { splitKey } from '../../src/keys/key-file.ts';
import { openBlob } from '../../src/pack/open-blob.ts';
import { type FinishedPack, PackWriter } from '../../src/pack/writer.ts';
import { noise } from '../support/sample.ts';

const SEED = 20_261_131;
const native = nodePlatform();
const fallback = nodePlatform({ native: false });
const key = splitKey(noise(native, 'key', 64));

interface Wanted {
  readonly bytes: number;
  readonly framed: boolean;
}

function packOf(blobs: readonly Wanted[]): FinishedPack {
  const writer = new PackWriter(native, native.sealer(key), new Uint8Array(12 << 20));
  for (const [i, { bytes, framed }] of blobs.entries()) {
    // Frames of noise are no shorter than it: long frames come from it, too.
    const plain = noise(native, `blob ${i}`, bytes);
    const stored = framed && bytes > 0 ? native.zstdCompress(plain, 1) : plain;
    writer.add('data', native.sha256(plain), stored, framed ? bytes : 0);
  }
  return writer.finish();
}

/** What the slow way finds: everything on its own, and with the fallbacks. */
function slowly({ id, header }: FinishedPack, bytes: Uint8Array): { digest: string | null; broken: string[] } {
  const table = BlobTable.create();
  publishPack(table, { sha256: Buffer.from(id, 'hex'), header });
  const digest = createHash('sha256').update(bytes).digest('hex');
  const broken: string[] = [];
  const blob = new Uint8Array(32);
  for (const { entry, offset, length, uncompressedLength } of PackOrder.of(table).blobsOf(0)) {
    table.idOf(entry, blob);
    try {
      openBlob(fallback, fallback.sealer(key), bytes.slice(offset, offset + length), uncompressedLength, blob);
    } catch (error) {
      broken.push((error as Error).message);
    }
  }
  return { digest: digest === id ? null : digest, broken };
}

function checkOf(platform: Platform, { id, header }: FinishedPack): PackCheck {
  const blobs = BlobTable.create();
  publishPack(blobs, { sha256: Buffer.from(id, 'hex'), header });
  return new PackCheck({ platform, sealer: platform.sealer(key), blobs, order: PackOrder.of(blobs) });
}

const bytesOf = (bytes: Uint8Array) => ({
  length: bytes.length,
  read: (offset: number, out: Uint8Array) => out.set(bytes.subarray(offset, offset + out.length)),
});

const size = fc.oneof(
  fc.constantFrom(0, 1, 63, 64, 2015, 2016, 2017, 131_072, 131_073, 524_288),
  fc.integer({ min: 0, max: 5000 }),
  fc.integer({ min: 0, max: 300_000 }),
  fc.integer({ min: 1_000_000, max: 1_300_000 }),
);

test('whole and damaged packs get the verdict of the slow way, on either platform, one after another', () => {
  const blobs = fc.array(fc.record({ bytes: size, framed: fc.boolean() }), { minLength: 1, maxLength: 7 });
  fc.assert(
    fc.property(blobs, fc.nat(), fc.boolean(), (wanted, place, cut) => {
      const pack = packOf(wanted);
      const whole = new Uint8Array(pack.bytes);
      const damaged = new Uint8Array(whole);
      damaged[place % whole.length]! ^= 0x10;
      const short = whole.slice(0, Math.max(1, place % whole.length));
      for (const platform of [native, fallback]) {
        const check = checkOf(platform, pack);
        for (const bytes of [whole, cut ? short : damaged, whole]) {
          const expected = slowly(pack, bytes);
          const { problems, broken } = check.run(0, bytesOf(bytes));
          if (bytes === whole) expect(problems).toEqual([]);
          if (bytes === short) expect(problems.length).toBeGreaterThan(1);
          if (bytes !== damaged) continue;
          expect(problems[0]).toContain(expected.digest);
          expect(broken).toHaveLength(expected.broken.length);
          expect(problems).toEqual(expect.arrayContaining(expected.broken));
        }
      }
    }),
    { seed: SEED, numRuns: 8 },
  );
}, 60_000);

test('a pack whose bytes could not be read leaves nothing behind for the next', () => {
  const pack = packOf([
    { bytes: 400_000, framed: false },
    { bytes: 700_000, framed: false },
    { bytes: 5, framed: false },
  ]);
  const bytes = new Uint8Array(pack.bytes);
  const check = checkOf(native, pack);
  for (let reads = 0; reads < 2; reads++) {
    let left = reads;
    const read = (offset: number, out: Uint8Array): void => {
      if (left-- === 0) throw new RangeError('the file ended early');
      out.set(bytes.subarray(offset, offset + out.length));
    };
    expect(() => check.run(0, { length: bytes.length, read })).toThrow('ended early');
    expect(check.run(0, bytesOf(bytes)).problems).toEqual([]);
  }
});
