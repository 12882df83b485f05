import { createHash } from 'node:crypto';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import {
  IDENTITY_WORDS,
  identitySize,
  MIN_CHUNK,
  posix,
  type Stat,
  sameIdentity,
  writeIdentity,
} from '@hostark/kernels';
import type { EventSink } from '@hostark/protocol';
import { type BlobId, BlobTable, decodeTree, idBytes } from '@hostark/repository';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { FileQueue } from '../../src/backup/file-queue.ts';
import { entriesOf, type ParentTrees, PreviousTree } from '../../src/backup/parent-trees.ts';
import { Reporter } from '../../src/backup/reporter.ts';
import { SummaryCounter } from '../../src/backup/summary.ts';
import { Walker } from '../../src/backup/walker.ts';
import {
  FILE_CHANGED,
  FILE_FAILED,
  FILE_SAVED,
  FILE_STOPPED,
  FILE_VANISHED,
  type FilesJob,
  type FilesResult,
} from '../../src/pool/jobs.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { ResultBuilder } from '../../src/pool/result-builder.ts';
import { selectEverything } from '../../src/select/selector.ts';
import { Exclusion } from '../../src/walk/exclusion.ts';
import { planTargets } from '../../src/walk/targets.ts';
import { testInFolder } from '../support/temporary.ts';
import { makeStrangeTree } from './strange-tree.ts';

/** What a worker says of a file. */
type Answer =
  | { readonly kind: 'saved'; readonly status: number; readonly chunks: number; readonly more: number; fresh: boolean }
  | { readonly kind: 'failed' }
  | { readonly kind: 'vanished' }
  | { readonly kind: 'stopped' };

const AS_SEEN: Answer = { kind: 'saved', status: FILE_SAVED, chunks: 1, more: 0, fresh: false };

const answer: fc.Arbitrary<Answer> = fc.oneof(
  { weight: 12, arbitrary: fc.constant(AS_SEEN) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('saved' as const),
      status: fc.constantFrom(FILE_SAVED, FILE_CHANGED),
      chunks: fc.integer({ min: 0, max: 3 }),
      more: fc.constantFrom(0, 0, 1, 70_000),
      fresh: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.constantFrom<Answer>({ kind: 'failed' }, { kind: 'vanished' }, { kind: 'stopped' }) },
);
const answers = fc.array(answer, { minLength: 40, maxLength: 40 });

/** Answers for every file by its path, whatever batch it comes in; `hurried` workers ask for small batches. */
function poolThatAnswers(all: readonly Answer[], fresh: Stat, hurried: boolean): Pool {
  return {
    hasIdle: hurried,
    run: async (job) => {
      return answerAll(job as FilesJob, all, fresh);
    },
    flush: async () => [],
    close: async () => {},
  };
}

function answerAll(job: FilesJob, all: readonly Answer[], fresh: Stat): FilesResult {
  const result = new ResultBuilder(job.pathEnds.length);
  let from = 0;
  job.pathEnds.forEach((end, i) => {
    const path = job.paths.subarray(from, end);
    from = end + 1;
    const seen = new Int32Array(IDENTITY_WORDS);
    writeIdentity(posix().lstat(path), seen, 0);
    const at = i * IDENTITY_WORDS;
    if (job.paths[end] !== 0 || !sameIdentity(seen, 0, job.identities, at)) throw new Error(`not this file: ${path}`);
    const size = identitySize(job.identities, at);
    answerOne(result, createHash('sha256').update(path).digest(), all, size, fresh);
  });
  return result.finish({ dataBlobs: 0, dataAdded: 0, dataAddedPacked: 0 });
}

function answerOne(result: ResultBuilder, id: Buffer, all: readonly Answer[], size: number, fresh: Stat): void {
  const given = all[id[0]! % all.length]!;
  if (given.kind === 'failed') result.fail(FILE_FAILED, 'read', 'unwilling');
  else if (given.kind === 'vanished') result.end(FILE_VANISHED, 0);
  else if (given.kind === 'stopped') result.end(FILE_STOPPED, 0);
  else {
    for (let chunk = 0; chunk < given.chunks; chunk++) {
      id[1] = chunk;
      result.chunk(id);
    }
    if (given.fresh) result.fresh(fresh);
    result.end(given.status, size + given.more);
  }
}

interface Walked {
  readonly trees: ReadonlyMap<BlobId, Uint8Array>;
  readonly root: BlobId;
  readonly summary: unknown;
  readonly errors: readonly string[];
}

type Way = 'plain' | 'slices' | 'slices, item by item';

/** Half of the blobs that a walk named. */
function someBlobs(walked: Walked | null): BlobTable {
  const blobs = BlobTable.create();
  for (const tree of walked?.trees.values() ?? []) {
    for (const id of decodeTree(tree).flatMap(({ content }) => content ?? [])) {
      const raw = idBytes(id);
      if (raw[2]! % 2 === 0) blobs.claim('data', raw);
    }
  }
  return blobs;
}

/** Walks a folder beside `before`, with workers that answer as they are told. */
async function walk(folder: string, way: Way, pool: Pool, before: Walked | null): Promise<Walked> {
  const trees = new Map<BlobId, Uint8Array>(before?.trees);
  const summary = new SummaryCounter();
  const errors: string[] = [];
  const tell: EventSink = (event) => {
    if (event.type === 'item-error') errors.push(`${event.item} ${event.during} ${event.message}`);
  };
  const reporter = new Reporter(tell, way === 'slices, item by item', () => ({ files: 0, bytes: 0 }));
  let failure: unknown = null;
  const queue = new FileQueue(
    pool,
    false,
    () => {},
    (error) => {
      failure = error;
    },
  );
  const exclusion = { selector: selectEverything, tagFiles: [], largerThan: null, oneFileSystem: false };
  const workingDirectory = Buffer.from(folder);
  const parts = {
    workingDirectory,
    nodes: { posix: posix(), zone: () => 60, withAtime: false },
    exclusion: new Exclusion(exclusion, posix(), () => {}),
    change: { ignoreInode: false, ignoreCtime: false },
    blobs: someBlobs(before),
    parents: { load: async (id: BlobId) => new PreviousTree(id, trees.get(id)!, false) } as unknown as ParentTrees,
    queue,
    summary,
    reporter,
    room: () => queue.room(),
    save: (tree: Uint8Array) => {
      const id = createHash('sha256').update(tree).digest('hex') as BlobId;
      trees.set(id, Buffer.from(tree));
      return id;
    },
  };
  const top = planTargets([Buffer.from('.')], () => posix().readDirectory(workingDirectory).names);
  const previous = entriesOf(
    before === null ? null : new PreviousTree(before.root, trees.get(before.root)!, false),
    () => {},
  );
  let root: BlobId | null = null;
  await new Walker(parts, way === 'plain').walk(top, previous, (tree) => {
    root = tree;
  });
  queue.end();
  for (let turn = 0; root === null && failure === null && turn < 1000; turn++) await new Promise(setImmediate);
  expect(failure).toBeNull();
  expect(root).not.toBeNull();
  return { trees, root: root!, summary: summary.summary(), errors: errors.sort() };
}

/** Returns the text of all trees that the other walk did not come to. */
function readable(walked: Walked, other: Walked): string[] {
  return [...walked.trees].filter(([id]) => !other.trees.has(id)).map(([, tree]) => Buffer.from(tree).toString());
}

function makeFolder(folder: string): void {
  makeStrangeTree(folder);
  mkdirSync(`${folder}/much`);
  for (let i = 0; i < 1100; i++) writeFileSync(`${folder}/much/${i}`, i % 5 === 0 ? '' : 'x'.repeat(i));
  for (const more of [-1, 0, 1]) {
    writeFileSync(`${folder}/much/around${more}`, '');
    truncateSync(`${folder}/much/around${more}`, MIN_CHUNK + more);
  }
}

describe('files that are read', () => {
  testInFolder(
    'leave the tree of the plain walk, whatever workers say of them',
    async ({ folder }) => {
      makeFolder(folder);
      const fresh = posix().lstat(Buffer.from(`${folder}/kinds/setuid`));
      await fc.assert(
        fc.asyncProperty(answers, answers, fc.boolean(), async (first, second, hurried) => {
          let before: Walked | null = null;
          for (const given of [first, second]) {
            const pool = (): Pool => poolThatAnswers(given, fresh, hurried);
            const plain: Walked = await walk(folder, 'plain', pool(), before);
            for (const way of ['slices', 'slices, item by item'] as const) {
              const walked = await walk(folder, way, pool(), before);
              expect(walked.errors).toEqual(plain.errors);
              expect(walked.summary).toEqual(plain.summary);
              expect(readable(walked, plain)).toEqual([]);
              expect(walked.root).toBe(plain.root);
            }
            before = plain;
          }
        }),
        { seed: 20261130, numRuns: 6 },
      );
    },
    60_000,
  );
});
