/** Large blobs that go abreast come out as one by one: the same bytes in the same files, the same blobs called damaged. */
import { closeSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodePlatform, posix, RingReads } from '@hostark/kernels';
import { BlobTable } from '@hostark/repository';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BlobsAbreast, type FileSegment } from '../../src/restore/blobs-abreast.ts';
import type { SegmentOutcome } from '../../src/restore/execute.ts';
import { jobRunner } from '../../src/restore/job.ts';
import { type Needs, newNeeds } from '../../src/restore/plan.ts';
import {
  FLAG_FAILED,
  FLAG_PART,
  FLAG_PATCH,
  FLAG_SPARSE,
  type Rows,
  RowsBuilder,
  workPath,
} from '../../src/restore/rows.ts';
import { createFile } from '../../src/restore/write-file.ts';
import { isRoot } from '../support/fixture-repository.ts';
import { testInFolder } from '../support/temporary.ts';
import { noise } from '../support/test-repository.ts';

const SEED = 20_261_130;
const KEY = { encrypt: noise(32, 1), macK: noise(16, 2), macR: noise(16, 3) };
const MIB = 1 << 20;
const platform = nodePlatform();
const sealer = platform.sealer(KEY);
const tools = { platform, system: posix(), actor: { privileged: isRoot() } };

const probe = RingReads.create(2);
probe?.close();
const canRun = probe !== null && platform.opener(KEY) !== null;

/** Around a page, a piece and its edges, and so short that a MAC is cut in two. */
const PIECE = 256 << 10;
const size = fc.oneof(
  fc.integer({ min: PIECE - 4200, max: PIECE + 4200 }),
  fc.integer({ min: 2 * PIECE - 200, max: 2 * PIECE + 200 }),
  fc.integer({ min: 300_000, max: 3 * MIB }),
);
const blob: fc.Arbitrary<Blob> = fc.record({
  size,
  gap: fc.constantFrom(0, 0, 1, 77, 5000),
  /** How many files want it. */
  needs: fc.integer({ min: 1, max: 2 }),
  state: fc.constantFrom('good', 'good', 'good', 'good', 'wrong mac', 'wrong byte', 'wrong id'),
});
interface Blob {
  readonly size: number;
  readonly gap: number;
  readonly needs: number;
  readonly state: string;
}

interface Made {
  readonly rows: Rows;
  readonly needs: Needs;
  readonly table: BlobTable;
  readonly segments: FileSegment[];
  /** By file, its blobs' content. */
  readonly files: { readonly need: number; readonly plain: Uint8Array }[][];
}

/** Writes packs of blobs into `folder`, of which each goes to one or two of two files in `target`, and begins those. */
function make(folder: string, target: string, packs: readonly (readonly Blob[])[], cut: boolean): Made {
  const table = BlobTable.create();
  const files: Made['files'] = [[], []];
  const needs = newNeeds(packs.flat().reduce((sum, { needs: count }) => sum + count, 0));
  const ends = [0, 0];
  const places: { readonly path: string; readonly from: number; readonly to: number; readonly length: number }[] = [];
  let need = 0;
  for (const [number, blobs] of packs.entries()) {
    table.addPack(noise(32, 100 + number));
    const pack = Buffer.alloc(blobs.reduce((sum, { size: bytes, gap }) => sum + bytes + 32 + gap, 0));
    const from = need;
    let at = 0;
    for (const [i, { size: bytes, gap, needs: count, state }] of blobs.entries()) {
      at += gap;
      const plain = noise(bytes, 1000 * number + i + 5);
      sealer.seal(plain, pack.subarray(at, at + bytes + 32));
      if (state === 'wrong mac') pack[at + bytes + 31]! ^= 1;
      if (state === 'wrong byte') pack[at + 16 + Math.floor(bytes / 3)]! ^= 64;
      const id = new Uint8Array(platform.sha256(plain));
      if (state === 'wrong id') id[31]! ^= 1;
      table.publish('data', id, 0, { pack: number, offset: at, length: bytes + 32, uncompressedLength: 0 });
      for (let file = 0; file < count; file++) {
        needs.rows[need] = file;
        needs.offsets[need] = ends[file]!;
        needs.entries[need] = table.entry('data', id);
        files[file]!.push({ need, plain });
        ends[file]! += bytes;
        need++;
      }
      at += bytes + 32;
    }
    const path = join(folder, `pack-${number}`);
    writeFileSync(path, cut && number === 0 ? pack.subarray(0, at - 9) : pack);
    places.push({ path, from, to: need, length: at });
  }
  const rows = rowsIn(target);
  const segments = places.map(({ path, from, to, length }): FileSegment => {
    return { source: { kind: 'file', path, offset: 0, length }, rows, needs, from, to };
  });
  return { rows, needs, table, segments, files };
}

/** Two files of several blobs in `target`, begun. */
function rowsIn(target: string): Rows {
  mkdirSync(target);
  const builder = new RowsBuilder(2);
  builder.enter(Buffer.from(target));
  const facts = { mode: 0o600, uid: 0, gid: 0, mtimeS: 0, mtimeNs: 0, atimeS: 0, atimeNs: 0 };
  for (const name of ['one', 'two']) builder.add(facts, Buffer.from(name), 0, 3);
  const rows = builder.finish();
  for (const row of [0, 1]) {
    rows.flags[row] = FLAG_PART;
    closeSync(createFile(workPath(rows, row)));
  }
  return rows;
}

async function abreast({ table, segments }: Made): Promise<SegmentOutcome[]> {
  const lanes = BlobsAbreast.create(tools, table, KEY)!;
  const outcomes = await Promise.all(segments.map((segment) => lanes.run(segment)));
  lanes.close();
  return outcomes;
}

/** The way that knows nothing of pieces. */
function oneByOne({ table, segments }: Made): SegmentOutcome[] {
  const run = jobRunner(KEY, tools, table);
  return segments.map((segment) => {
    const outcome = run({ kind: 'segment', offset: 0, ...segment }, new Uint8Array(readFileSync(segment.source.path)));
    if (outcome.kind !== 'written') throw new TypeError('expected a written outcome');
    return outcome.written;
  });
}

describe.skipIf(!canRun)('large blobs abreast', () => {
  testInFolder('write and call damaged what the way of whole segments does', async ({ folder }) => {
    let turn = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(blob, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (packs, cut) => {
          const place = join(folder, String(turn++));
          mkdirSync(place);
          const made = make(place, join(place, 'abreast'), packs, cut);
          const outcomes = await abreast(made);
          const rows = rowsIn(join(place, 'alone'));
          const reference = { ...made, segments: made.segments.map((segment) => ({ ...segment, rows })) };
          expect(outcomes).toEqual(oneByOne(reference));
          const damaged = new Set(outcomes.flatMap((outcome) => outcome.damaged));
          for (const [file, blobs] of made.files.entries()) {
            const bytes = readFileSync(Buffer.from(workPath(made.rows, file)));
            for (const { need, plain } of blobs) {
              // Of a blob for two files, the first need speaks for both.
              const first = need > 0 && made.needs.entries[need - 1] === made.needs.entries[need] ? need - 1 : need;
              if (damaged.has(first)) continue;
              const offset = made.needs.offsets[need]!;
              expect(Buffer.compare(bytes.subarray(offset, offset + plain.length), plain)).toBe(0);
            }
          }
        },
      ),
      { seed: SEED, numRuns: 25 },
    );
  });

  testInFolder('take segments that come while others are under way, and when all were done', async ({ folder }) => {
    const packs = Array.from({ length: 6 }, (_, i) => [
      { size: (1 + i) * 400_000, gap: 0, needs: 1, state: 'good' },
      { size: 700_000, gap: 0, needs: 1, state: 'good' },
    ]);
    const { rows, table, segments, files } = make(folder, join(folder, 'out'), packs, false);
    const lanes = BlobsAbreast.create(tools, table, KEY)!;
    const running = [lanes.run(segments[0]!), lanes.run(segments[1]!)];
    running.push(running[0]!.then(() => lanes.run(segments[2]!)));
    await Promise.all(running);
    running.push(lanes.run(segments[3]!), lanes.run(segments[4]!));
    lanes.close(); // holds back until they are done
    running.push(lanes.run(segments[5]!));
    for (const outcome of await Promise.all(running)) expect(outcome).toEqual({ damaged: [], troubles: [] });
    const expected = Buffer.concat(files[0]!.map(({ plain }) => plain));
    expect(readFileSync(Buffer.from(workPath(rows, 0))).equals(expected)).toBe(true);
  });

  testInFolder(
    'a pack that is not there is damaged as a whole, a file that is gone is told of once',
    async ({ folder }) => {
      const one = { size: 600_000, gap: 0, needs: 1, state: 'good' };
      const made = make(folder, join(folder, 'out'), [[one, one], [{ ...one, size: 2 * MIB }]], false);
      const lanes = BlobsAbreast.create(tools, made.table, KEY)!;
      const [first, second] = made.segments as [FileSegment, FileSegment];
      const missing = { ...first, source: { ...first.source, path: join(folder, 'nothing') } };
      expect(await lanes.run(missing)).toEqual({ damaged: [0, 1], troubles: [] });
      const elsewhere = { ...second, rows: { ...made.rows, tag: 'other' } };
      const { damaged, troubles } = await lanes.run(elsewhere);
      expect(damaged).toEqual([]);
      expect(troubles).toMatchObject([{ row: 0, during: 'write', code: 'ENOENT' }]);
      made.rows.flags[0]! |= FLAG_FAILED;
      expect(await lanes.run(second)).toEqual({ damaged: [], troubles: [] });
      expect(readFileSync(Buffer.from(workPath(made.rows, 0))).length).toBe(0);
      lanes.close();
      expect(readdirSync(join(folder, 'out')).length).toBe(2);
    },
  );
});

test('what may not hold unproven bytes, or is too small or packed, does not go abreast', () => {
  const table = BlobTable.create();
  table.addPack(noise(32, 1));
  const add = (seed: number, length: number, uncompressedLength: number): number => {
    const id = noise(32, seed);
    table.publish('data', id, 0, { pack: 0, offset: 0, length, uncompressedLength });
    return table.entry('data', id);
  };
  const [large, packed, small, stub] = [add(2, MIB, 0), add(3, MIB, 2 * MIB), add(4, 2000, 0), add(5, 20, 0)];
  const suits = (flags: number, ...entries: number[]): boolean => {
    const needs = newNeeds(entries.length);
    needs.entries.set(entries);
    const rows = { flags: Uint8Array.of(flags) } as unknown as Rows;
    return BlobsAbreast.suits({ rows, needs, from: 0, to: entries.length }, table);
  };
  expect(suits(FLAG_PART, large!, large!)).toBe(true);
  expect(suits(FLAG_PART, large!, small!)).toBe(true);
  expect(suits(FLAG_PART, small!)).toBe(false);
  expect(suits(FLAG_PART, large!, packed!)).toBe(false);
  expect(suits(FLAG_PART, large!, stub!)).toBe(false);
  expect(suits(0, large!)).toBe(false);
  expect(suits(FLAG_PART | FLAG_PATCH, large!)).toBe(false);
  expect(suits(FLAG_PART | FLAG_SPARSE, large!)).toBe(false);
});
