import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { IDENTITY_WORDS, MAX_CHUNK, MIN_CHUNK, posix, writeIdentity } from '@hostark/kernels';
import { BlobTable, ID_BYTES, toHex } from '@hostark/repository';
import { describe, expect } from 'vitest';
import { Engine } from '../../src/pool/engine.ts';
import {
  type EngineSetup,
  FILE_CHANGED,
  FILE_SAVED,
  type FilesJob,
  type FilesResult,
  PART_NONE,
  PART_UNKNOWN,
} from '../../src/pool/jobs.ts';
import { type Slab, type SlabExchange, slabBytes } from '../../src/pool/slabs.ts';
import { testInFolder } from '../support/temporary.ts';
import { noise } from '../support/test-repository.ts';
import { POLYNOMIAL } from './helpers.ts';

const PART = 6 * 1024 * 1024;
const KEY = { encrypt: noise(32, 1), macK: noise(16, 2), macR: noise(16, 3) };

/** One slab, used again and again: nothing is kept. */
function forgetful(onTake: () => void = () => {}): SlabExchange {
  const slab: Slab = { index: 0, memory: new Uint8Array(slabBytes(0)) };
  return {
    take: async () => {
      onTake();
      return slab;
    },
    give: () => {},
  };
}

function engine(slabs: SlabExchange = forgetful()): Engine {
  const setup: EngineSetup = {
    polynomial: POLYNOMIAL,
    key: KEY,
    repositoryVersion: 2,
    compression: 'auto',
    packSizeBytes: 4 * 1024 * 1024,
    blobs: BlobTable.create().share(),
    stop: new Int32Array(new SharedArrayBuffer(4)),
    bytesRead: new BigInt64Array(new SharedArrayBuffer(8)),
  };
  return new Engine(setup, slabs);
}

function identityOf(path: string): Int32Array {
  const identity = new Int32Array(IDENTITY_WORDS);
  writeIdentity(posix().lstat(Buffer.from(path)), identity, 0);
  return identity;
}

function filesJob(path: string, identities = identityOf(path)): FilesJob {
  const paths = Buffer.from(`${path}\0`);
  return { kind: 'files', paths, pathEnds: Uint32Array.of(paths.length - 1), identities };
}

function idsOf(result: FilesResult): string[] {
  const ids: string[] = [];
  for (let at = 0; at < result.ids.length; at += ID_BYTES) ids.push(toHex(result.ids, at, ID_BYTES));
  return ids;
}

async function whole(path: string, on: Engine = engine()): Promise<FilesResult> {
  return await on.run(filesJob(path));
}

/** Runs all parts, each on an engine of its own, in the given order. */
async function inParts(path: string, size: number, order: (parts: number[]) => number[]) {
  const count = Math.floor(size / PART);
  const starts = new BigInt64Array(new SharedArrayBuffer(count * 8)).fill(PART_UNKNOWN);
  const results: FilesResult[] = [];
  for (const index of order(Array.from({ length: count }, (_, i) => i))) {
    const job = {
      kind: 'part',
      path: Buffer.from(path),
      identity: identityOf(path),
      index,
      partBytes: PART,
      starts,
    } as const;
    results[index] = await engine().run(job);
  }
  return { starts, ids: results.flatMap(idsOf), size: results.reduce((sum, result) => sum + result.sizes[0]!, 0) };
}

const forwards = (parts: number[]) => parts;
const backwards = (parts: number[]) => [...parts].reverse();

describe('a large file read in parts', () => {
  testInFolder('has the chunks that one pass finds, whoever comes first', async ({ folder }) => {
    const path = join(folder, 'random');
    const size = 5 * PART + 12_345;
    writeFileSync(path, noise(size, 5));
    const expected = idsOf(await whole(path));
    for (const order of [forwards, backwards]) {
      const parts = await inParts(path, size, order);
      expect(parts.ids).toEqual(expected);
      expect(parts.size).toBe(size);
      // The test is worth something only if the file was split at all.
      expect(parts.starts.filter((start) => start > 0n).length).toBeGreaterThan(1);
    }
  });

  testInFolder('is not split where zeros give no certain cut', async ({ folder }) => {
    const path = join(folder, 'zeros');
    writeFileSync(path, Buffer.alloc(3 * PART));
    const parts = await inParts(path, 3 * PART, backwards);
    expect(parts.ids).toEqual(idsOf(await whole(path)));
    expect([...parts.starts.slice(1)]).toEqual([PART_NONE, PART_NONE]);
  });

  testInFolder('is whole where zeros and noise take turns', async ({ folder }) => {
    const path = join(folder, 'mixed');
    const pieces = [noise(7 * MIN_CHUNK, 1), Buffer.alloc(MAX_CHUNK), noise(20 * MIN_CHUNK, 2), Buffer.alloc(9)];
    const content = Buffer.concat([...pieces, ...pieces]);
    writeFileSync(path, content);
    const parts = await inParts(path, content.length, forwards);
    expect(parts.ids).toEqual(idsOf(await whole(path)));
    expect(parts.size).toBe(content.length);
  });
});

describe('a file that changes', () => {
  testInFolder('while it is read is saved as read, and marked', async ({ folder }) => {
    const path = join(folder, 'growing');
    writeFileSync(path, noise(3 * MIN_CHUNK, 9));
    // The first chunk needs a slab: that is after the first read and before the last.
    const result = await whole(path, engine(forgetful(() => writeFileSync(path, 'more', { flag: 'a' }))));
    expect(result.status[0]).toBe(FILE_CHANGED);
    expect(result.sizes[0]).toBeGreaterThanOrEqual(3 * MIN_CHUNK);
  });

  testInFolder('between lstat and open brings its new facts along', async ({ folder }) => {
    const path = join(folder, 'file');
    writeFileSync(path, 'before');
    const before = identityOf(path);
    writeFileSync(path, 'afterwards');
    const result = await engine().run(filesJob(path, before));
    expect(result.status[0]).toBe(FILE_SAVED);
    expect(result.fresh).toMatchObject([{ file: 0, stat: { size: 10n } }]);
  });
});
