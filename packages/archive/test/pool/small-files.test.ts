/** Small files by every way that there is for them: the same results, and packs that hold what the files held. */
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FileList, IDENTITY_WORDS, nodePlatform, posix, SEAL_OVERHEAD, writeIdentity } from '@hostark/kernels';
import { BlobTable, decodeHeader, ID_BYTES, toHex } from '@hostark/repository';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { ChunkStore } from '../../src/pool/chunk-store.ts';
import { FileGroups } from '../../src/pool/file-groups.ts';
import { type EngineSetup, FILE_SAVED, type SlabPack } from '../../src/pool/jobs.ts';
import { ResultBuilder } from '../../src/pool/result-builder.ts';
import { SingleFiles } from '../../src/pool/single-files.ts';
import { pieceSlabBytes, type Slab, type SlabExchange, slabBytes } from '../../src/pool/slabs.ts';
import type { SmallFiles } from '../../src/pool/small-files.ts';
import { POLYNOMIAL } from '../backup/helpers.ts';
import { testInFolder } from '../support/temporary.ts';
import { noise } from '../support/test-repository.ts';

const SEED = 20_261_205;
/** Stands for the size of a file that was left to others. */
const LEFT_OUT = -1;
const LEAST_LEFT_OUT = 128 * 1024;
const KEY = { encrypt: noise(32, 1), macK: noise(16, 2), macR: noise(16, 3) };
const platform = nodePlatform();
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

const WAYS: readonly (readonly [string, (setup: EngineSetup, store: ChunkStore) => SmallFiles | null])[] = [
  ['in groups', (setup, store) => FileGroups.create(setup, store)],
  ['one after another', (_, store) => SingleFiles.create(platform, store)],
];

/** Keeps packs as they come, whole or in pieces, in slabs that are wiped before they are used again. */
class Packs {
  readonly found: { readonly bytes: Buffer; readonly pack: SlabPack }[] = [];
  readonly exchange: SlabExchange;
  readonly #slab: Slab;
  #pieces: Uint8Array[] = [];

  constructor(bytes: number, inPieces: boolean) {
    this.#slab = { index: 0, memory: new Uint8Array(new SharedArrayBuffer(bytes)) };
    const take = async (): Promise<Slab> => {
      this.#slab.memory.fill(0x5a);
      return this.#slab;
    };
    const give = (slab: Slab, pack: SlabPack): void => {
      this.#keep(slab, pack.length);
      this.found.push({ bytes: Buffer.concat(this.#pieces), pack });
      this.#pieces = [];
    };
    const piece = (slab: Slab, length: number): void => this.#keep(slab, length);
    this.exchange = inPieces ? { take, give, piece } : { take, give };
  }

  #keep(slab: Slab, length: number): void {
    this.#pieces.push(slab.memory.slice(0, length));
  }
}

interface Made {
  readonly content: Buffer;
  /** What happens to it after it was looked at. */
  readonly change: 'none' | 'grown' | 'gone';
}

type Valued<A> = A extends fc.Arbitrary<infer Value> ? Value : never;

/** Text, noise, and something between that hardly shrinks. */
function contentOf(kind: number, length: number, seed: number): Buffer {
  if (kind === 0) return Buffer.from(noise(length, seed));
  const text = Buffer.alloc(length, `line ${seed} of a file, `);
  if (kind === 1) text.set(noise(Math.floor(length * 0.98), seed));
  return text;
}

const made = fc.record({
  kind: fc.integer({ min: 0, max: 2 }),
  length: fc.oneof(
    fc.constantFrom(0, 1, 55, 64, 4095, 4096),
    fc.integer({ min: 1, max: 3000 }),
    fc.integer({ min: 1, max: 3000 }),
    fc.integer({ min: 1, max: 100_000 }),
    fc.constant(524_287),
  ),
  seed: fc.nat(30),
  change: fc.oneof(
    { weight: 20, arbitrary: fc.constant('none' as const) },
    { weight: 1, arbitrary: fc.constantFrom('grown' as const, 'gone' as const) },
  ),
});
const layout = fc.record({
  packSizeBytes: fc.constantFrom(1, 64 * 1024, 1024 * 1024),
  pieceBytes: fc.constantFrom(undefined, 8192, 256 * 1024),
  compression: fc.constantFrom('auto' as const, 'off' as const, 'max' as const),
});

type MadeFile = Valued<typeof made>;
type Layout = Valued<typeof layout>;

function listOf(folder: string, files: readonly Made[]): FileList {
  const identities = new Int32Array(files.length * IDENTITY_WORDS);
  const names = files.map(({ content, change }, i) => {
    const name = join(folder, `file-${i}`);
    writeFileSync(name, content);
    writeIdentity(posix().lstat(Buffer.from(name)), identities, i * IDENTITY_WORDS);
    if (change === 'grown') appendFileSync(name, 'more');
    if (change === 'gone') unlinkSync(name);
    return `${name}\0`;
  });
  let end = -1;
  const pathEnds = Uint32Array.from(names, (name) => (end += name.length));
  return { paths: platform.memory(Buffer.from(names.join(''))), pathEnds, identities };
}

/** Checks a pack from its name to its blobs, and returns these by id. */
function blobsOf({ bytes, pack }: Packs['found'][number]): [id: string, plain: Uint8Array][] {
  expect(sha256(bytes)).toBe(toHex(pack.sha256));
  const sealer = platform.sealer(KEY);
  return decodeHeader(pack.header).map(({ id, offset, length, uncompressedLength }) => {
    const sealed = bytes.subarray(offset, offset + length);
    const opened = new Uint8Array(sealed.length - SEAL_OVERHEAD);
    expect(sealer.open(sealed, opened)).toBe(true);
    const plain = uncompressedLength === 0 ? opened : platform.zstdDecompress(opened, uncompressedLength);
    expect(sha256(plain)).toBe(id);
    return [id, plain];
  });
}

describe.each(WAYS)('small files %s', (_name, create) => {
  testInFolder('are stored as they are, once each; those that changed are left to others', async ({ folder }) => {
    let run = 0;
    const check = async (given: readonly MadeFile[], how: Layout) => {
      const here = join(folder, String(run++));
      mkdirSync(here);
      const files = given.map(({ kind, length, seed, change }) => ({ content: contentOf(kind, length, seed), change }));
      const list = listOf(here, files);
      const { pieceBytes, ...rest } = how;
      const setup: EngineSetup = {
        polynomial: POLYNOMIAL,
        key: KEY,
        repositoryVersion: 2,
        ...rest,
        ...(pieceBytes === undefined ? {} : { pieceBytes }),
        blobs: BlobTable.create().share(),
        stop: new Int32Array(new SharedArrayBuffer(4)),
        bytesRead: new BigInt64Array(new SharedArrayBuffer(8)),
      };
      const bytes = pieceBytes === undefined ? slabBytes(setup.packSizeBytes) : pieceSlabBytes(pieceBytes);
      const packs = new Packs(bytes, pieceBytes !== undefined);
      const store = new ChunkStore(setup, platform, packs.exchange);
      const small = create(setup, store);
      if (small === null) return;
      const result = new ResultBuilder(files.length);
      let told = 0;
      for (let file = 0; file < files.length; ) {
        const done = await small.next(list, file, result, (count) => {
          told += count;
        });
        file += done;
        if (done > 0) continue;
        // Only what changed or is large is for the long way.
        expect(files[file]!.change !== 'none' || files[file]!.content.length >= LEAST_LEFT_OUT).toBe(true);
        result.end(FILE_SAVED, LEFT_OUT);
        file++;
      }
      await store.flush();
      const { ids, sizes, chunkEnds, stored } = result.finish(store.takeCounts());
      const blobs = packs.found.flatMap(blobsOf);
      const contents = new Map<string, Uint8Array>(blobs);
      expect(contents.size).toBe(blobs.length);
      const whole = files.filter((_, i) => sizes[i] !== LEFT_OUT).map(({ content }) => content);
      const expected = new Set(whole.filter(({ length }) => length > 0).map(sha256));
      expect(new Set(contents.keys())).toEqual(expected);
      expect(told).toBe(whole.reduce((sum, { length }) => sum + length, 0));
      expect(stored.dataBlobs).toBe(blobs.length);
      expect(stored.dataAdded).toBe(blobs.reduce((sum, [, plain]) => sum + plain.length, 0));
      for (const [i, { content }] of files.entries()) {
        if (sizes[i] === LEFT_OUT) continue;
        expect(sizes[i]).toBe(content.length);
        const from = i === 0 ? 0 : chunkEnds[i - 1]!;
        expect(chunkEnds[i]! - from).toBe(content.length === 0 ? 0 : 1);
        if (content.length > 0) expect(toHex(ids, from * ID_BYTES, ID_BYTES)).toBe(sha256(content));
      }
    };
    const lists = fc.array(made, { maxLength: 150, size: 'max' });
    await fc.assert(fc.asyncProperty(lists, layout, check), { seed: SEED, numRuns: 12 });
  });
});
