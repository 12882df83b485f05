import { appendFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { posix } from '@hostark/kernels';
import { BlobTable } from '@hostark/repository';
import { describe, expect } from 'vitest';
import type { FileOutcome } from '../../src/backup/file-outcome.ts';
import { FileQueue } from '../../src/backup/file-queue.ts';
import { Engine } from '../../src/pool/engine.ts';
import type { EngineSetup, PoolJob } from '../../src/pool/jobs.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { type Slab, slabBytes } from '../../src/pool/slabs.ts';
import { testInFolder } from '../support/temporary.ts';
import { noise } from '../support/test-repository.ts';
import { POLYNOMIAL } from './helpers.ts';

const setup: EngineSetup = {
  polynomial: POLYNOMIAL,
  key: { encrypt: noise(32, 1), macK: noise(16, 2), macR: noise(16, 3) },
  repositoryVersion: 2,
  compression: 'auto',
  packSizeBytes: 4 * 1024 * 1024,
  blobs: BlobTable.create().share(),
  stop: new Int32Array(new SharedArrayBuffer(4)),
  bytesRead: new BigInt64Array(new SharedArrayBuffer(8)),
};

/** One engine that does one job after the other, with something to do after each. Keeps no pack. */
function onePool(afterJob: (job: PoolJob) => void): Pool {
  const slab: Slab = { index: 0, memory: new Uint8Array(slabBytes(0)) };
  const engine = new Engine(setup, { take: async () => slab, give: () => {} });
  let last: Promise<unknown> = Promise.resolve();
  return {
    hasIdle: false,
    run: (job) => {
      const done = last.then(() => engine.run(job));
      last = done.then(() => afterJob(job));
      return done;
    },
    flush: async () => [],
    close: async () => {},
  };
}

/** Two parts of holes: read fast, and all one chunk. */
const TWO_PARTS = 128 * 1024 * 1024;

function read(folder: string, afterJob: (job: PoolJob) => void): Promise<FileOutcome> {
  return new Promise((resolve, reject) => {
    const queue = new FileQueue(onePool(afterJob), true, () => {}, reject);
    const stat = posix().lstat(Buffer.from(join(folder, 'big')));
    queue.add({ directory: Buffer.from(folder), base: Buffer.from('big'), stat, done: resolve });
    queue.end();
  });
}

function makeBig(folder: string): string {
  const path = join(folder, 'big');
  writeFileSync(path, '');
  truncateSync(path, TWO_PARTS);
  return path;
}

describe('a large file', () => {
  testInFolder(
    'that changes between its parts is marked, and not given the facts of its new self',
    async ({ folder }) => {
      const path = makeBig(folder);
      const outcome = await read(folder, (job) => {
        if (job.kind === 'part' && job.index === 0) appendFileSync(path, 'more');
      });
      // With its new times the next run would take the old content for good.
      expect(outcome).toMatchObject({ kind: 'saved', changed: true, fresh: null });
    },
  );

  testInFolder('that changes before all of its parts are read brings its new facts along', async ({ folder }) => {
    const path = makeBig(folder);
    const reading = read(folder, () => {});
    appendFileSync(path, 'more');
    const outcome = await reading;
    expect(outcome).toMatchObject({ kind: 'saved', changed: false, size: TWO_PARTS + 4 });
    expect(outcome).toMatchObject({ fresh: { size: BigInt(TWO_PARTS + 4) } });
  });
});
