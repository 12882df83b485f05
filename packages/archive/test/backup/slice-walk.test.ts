import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { posix } from '@hostark/kernels';
import { type Backend, memoryBackend, type ZoneOffset } from '@hostark/repository';
import { describe, expect } from 'vitest';
import type { BackupOptions, BackupResult } from '../../src/backup/options.ts';
import { compileSelector } from '../../src/select/selector.ts';
import { testInFolder } from '../support/temporary.ts';
import { noise } from '../support/test-repository.ts';
import { backupAgain, newRepository } from './helpers.ts';
import { makeStrangeTree } from './strange-tree.ts';

const EAST: ZoneOffset = (seconds) => (seconds < 1_234_567_891 ? 330 : 345);
const WEST: ZoneOffset = (seconds) => (seconds < 0 ? -299 : -300);
/** More than one slice, of names that differ early and late. */
const MANY = 2300;

type Options = Omit<BackupOptions, 'host'>;

/** For the walk in slices, the plain walk, and the walk in slices when nobody asks for items. */
type Repositories = readonly [Backend, Backend, Backend];

/** Runs the same backup every way, each in a repository of its own, and expects the same of all. */
async function everyWay(repositories: Repositories, options: Options): Promise<BackupResult> {
  const [slices, plain] = [
    await watched(repositories[0], options),
    await watched(repositories[1], { ...options, plainWalk: true }),
  ];
  expect(slices.events).toEqual(plain.events);
  expectSame(slices.result, plain.result);
  expectSame(await backupAgain(repositories[2], options), plain.result);
  return slices.result;
}

function expectSame(result: BackupResult, plain: BackupResult): void {
  expect(result.tree).toBe(plain.tree);
  const { dataAddedPacked: _a, ...counts } = result.summary;
  const { dataAddedPacked: _b, ...expected } = plain.summary;
  expect(counts).toEqual(expected);
  expect(result.errors).toEqual(plain.errors);
}

/** With what it said of items, in any order: workers finish when they finish. */
async function watched(backend: Backend, options: Options): Promise<{ result: BackupResult; events: string[] }> {
  const events: string[] = [];
  const result = await backupAgain(backend, {
    ...options,
    verbose: true,
    onEvent: (event) => {
      if (event.type === 'item') events.push(`${event.action} ${event.item} ${event.bytes}`);
    },
  });
  return { result, events: events.sort() };
}

async function threeRepositories(): Promise<Repositories> {
  const all = [memoryBackend(), memoryBackend(), memoryBackend()] as const;
  for (const backend of all) await newRepository(backend);
  return all;
}

/** Changes a folder of makeStrangeTree() and makeManyMore() in every way that a walk could see. */
function change(folder: string): void {
  writeFileSync(`${folder}/many/f7`, 'other content');
  writeFileSync(`${folder}/many/f8`, 'file 9');
  writeFileSync(`${folder}/many/f400a`, 'new');
  rmSync(`${folder}/many/f1`);
  writeFileSync(`${folder}/more/below-999/new`, 'new');
  rmSync(`${folder}/more/name-1500`);
  mkdirSync(`${folder}/more/name-1500`);
  renameSync(`${folder}/deep/er`, `${folder}/deep/est`);
  rmSync(`${folder}/kinds/link`);
  symlinkSync('two', `${folder}/kinds/link`);
  posix().setTimes(Buffer.from(`${folder}/names/n\x80`, 'latin1'), 5n, -1n);
  posix().chmod(Buffer.from(`${folder}/names/nb`), 0o604);
  writeFileSync(`${folder}/empty/no more`, '');
}

function makeManyMore(folder: string): void {
  mkdirSync(folder);
  for (let i = 0; i < MANY; i++) writeFileSync(`${folder}/name-${i}`, i % 3 === 0 ? '' : `${i % 50}`);
  for (let i = 0; i < 1000; i += 333) {
    mkdirSync(`${folder}/below-${i}`);
    writeFileSync(`${folder}/below-${i}/file`, noise(100, i));
  }
}

describe('the walk in slices', () => {
  testInFolder(
    'saves what the plain walk saves, first, again, after changes and in another zone',
    async ({ folder }) => {
      makeStrangeTree(folder);
      makeManyMore(`${folder}/more`);
      const all = await threeRepositories();
      const options = { targets: ['.'], workingDirectory: folder, workers: 2, zone: EAST };
      const first = await everyWay(all, options);
      expect(first.summary.filesNew).toBeGreaterThan(MANY);
      const again = await everyWay(all, options);
      expect(again.tree).toBe(first.tree);
      expect(again.summary).toMatchObject({ filesNew: 0, filesChanged: 0, dirsChanged: 0, treeBlobs: 0 });
      change(folder);
      const changed = await everyWay(all, options);
      expect(changed.summary).toMatchObject({ filesNew: 4, filesChanged: 4 });
      const west = await everyWay(all, { ...options, zone: WEST });
      expect(west.tree).not.toBe(changed.tree);
      expect(west.summary).toMatchObject({ filesNew: 0, filesChanged: 0, dirsNew: 0, dataBlobs: 0 });
      await everyWay(all, { ...options, withAtime: true });
      await everyWay(all, { ...options, ignoreCtime: true });
      await everyWay(all, { ...options, ignoreInode: true });
    },
  );

  testInFolder('leaves out what the plain walk leaves out', async ({ folder }) => {
    makeStrangeTree(folder);
    makeManyMore(`${folder}/more`);
    const all = await threeRepositories();
    writeFileSync(`${folder}/deep/er/TAG`, '');
    const options = {
      targets: ['.'],
      workingDirectory: folder,
      workers: 1,
      excludes: compileSelector({ exclude: ['*7', 'more/name-2*', 'n\u{2028}', 'setuid'] }),
      excludeIfPresent: [{ name: Buffer.from('TAG'), header: Buffer.alloc(0) }],
      excludeLargerThan: 100_000,
      oneFileSystem: true,
    };
    const first = await everyWay(all, options);
    const again = await everyWay(all, options);
    expect(again.tree).toBe(first.tree);
    await everyWay(all, { ...options, excludes: compileSelector({ exclude: ['*8'] }) });
  });
});
