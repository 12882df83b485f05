import { mkdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { posix } from '@hostark/kernels';
import { blobId, goMode, memoryBackend, treeNode } from '@hostark/repository';
import { describe, expect, test } from 'vitest';
import { backup } from '../../src/backup/backup.ts';
import { isUnchanged } from '../../src/walk/node.ts';
import { testInFolder } from '../support/temporary.ts';
import { node, TestRepository } from '../support/test-repository.ts';
import { backupAgain, contentOf, newRepository, nodeAt, reopen, treeNodes } from './helpers.ts';
import { makeStrangeTree } from './strange-tree.ts';

describe('a second backup', () => {
  testInFolder('of an unchanged tree adds nothing and finds everything unmodified', async ({ folder }) => {
    makeStrangeTree(folder);
    const backend = memoryBackend();
    await newRepository(backend);
    const options = { targets: ['.'], workingDirectory: folder, workers: 2 };
    const first = await backupAgain(backend, options);
    const second = await backupAgain(backend, options);
    expect(second.parent).toBe(first.snapshotId);
    expect(second.tree).toBe(first.tree);
    expect(second.summary).toMatchObject({
      filesNew: 0,
      filesChanged: 0,
      filesUnmodified: first.summary.filesNew,
      dirsNew: 0,
      dirsChanged: 0,
      dataBlobs: 0,
      treeBlobs: 0,
      dataAdded: 0,
      dataAddedPacked: 0,
      totalBytesProcessed: first.summary.totalBytesProcessed,
    });
  });

  testInFolder('reads what changed, and only that', async ({ folder }) => {
    for (const name of ['same', 'changed', 'touched']) writeFileSync(join(folder, name), `${name} 1`);
    const backend = memoryBackend();
    await newRepository(backend);
    const options = { targets: ['.'], workingDirectory: folder, workers: 1 };
    await backupAgain(backend, options);
    writeFileSync(join(folder, 'changed'), 'changed 2');
    utimesSync(join(folder, 'touched'), 1, 1);
    writeFileSync(join(folder, 'new'), 'new');
    const second = await backupAgain(backend, options);
    expect(second.summary).toMatchObject({ filesNew: 1, filesChanged: 2, filesUnmodified: 1, dataBlobs: 2 });
    const repository = await reopen(backend);
    await repository.loadIndex();
    expect((await contentOf(repository, await nodeAt(repository, second.tree, 'changed'))).toString()).toBe(
      'changed 2',
    );
  });

  testInFolder('without a parent finds the content by its hash', async ({ folder }) => {
    writeFileSync(join(folder, 'file'), 'x');
    const backend = memoryBackend();
    await newRepository(backend);
    const options = { targets: ['.'], workingDirectory: folder, workers: 0 };
    await backupAgain(backend, options);
    const forced = await backupAgain(backend, { ...options, force: true });
    expect(forced.parent).toBeNull();
    expect(forced.summary).toMatchObject({ filesNew: 1, dataBlobs: 0, treeBlobs: 0 });
  });

  testInFolder('saves no snapshot of the same tree with skipIfUnchanged', async ({ folder }) => {
    writeFileSync(join(folder, 'file'), 'x');
    const backend = memoryBackend();
    await newRepository(backend);
    const options = { targets: ['.'], workingDirectory: folder, workers: 0, skipIfUnchanged: true };
    expect((await backupAgain(backend, options)).snapshotId).not.toBeNull();
    expect((await backupAgain(backend, options)).snapshotId).toBeNull();
    expect(await (await reopen(backend)).snapshots().ids()).toHaveLength(1);
  });

  testInFolder('takes the newest snapshot of the same host and targets as parent', async ({ folder }) => {
    writeFileSync(join(folder, 'a'), 'x');
    mkdirSync(join(folder, 'd'));
    writeFileSync(join(folder, 'd/b'), 'x');
    const backend = memoryBackend();
    await newRepository(backend);
    const at = (seconds: bigint) => ({ time: { ns: seconds * 1_000_000_000n, offsetMinutes: 0 } });
    const options = { workingDirectory: folder, workers: 0 };
    const both = await backupAgain(backend, { ...options, ...at(10n), targets: ['a', 'd'] });
    await backupAgain(backend, { ...options, ...at(20n), targets: ['d'] });
    const later = await backupAgain(backend, { ...options, ...at(30n), targets: ['a'] });
    expect(later.parent).toBe(both.snapshotId);
    const before = await backupAgain(backend, { ...options, ...at(9n), targets: ['a'] });
    expect(before.parent).toBeNull();
  });

  testInFolder('reads a file again, and says so, when the index lacks its content', async ({ folder }) => {
    const path = join(folder, 'file');
    writeFileSync(path, 'still here');
    const stat = posix().lstat(Buffer.from(path));
    const backend = memoryBackend();
    const made = await TestRepository.create(backend);
    const saved = node('file', 'file', {
      mode: goMode(stat.mode),
      mtime: { ns: stat.mtimeNs, offsetMinutes: 0 },
      ctime: { ns: stat.ctimeNs, offsetMinutes: 0 },
      inode: stat.ino,
      size: stat.size,
      content: [blobId('ab'.repeat(32))],
    });
    const tree = made.tree([saved]);
    await made.closePacks();
    const options = { targets: ['file'], workingDirectory: folder, workers: 0 };
    const { snapshotId } = await backup(made.repository, { ...options, host: 'other' });
    const stored = await made.repository.snapshots().load(snapshotId!);
    await made.repository.snapshots().save({ ...stored, tree, hostname: 'h', parent: null });
    const again = await backup(made.repository, { ...options, host: 'h' });
    expect(again.errors).toMatchObject([{ item: path, during: 'parent' }]);
    expect(await contentOf(made.repository, await nodeAt(made.repository, again.tree, 'file'))).toEqual(
      readFileSync(path),
    );
  });

  testInFolder('takes content from a parent tree with fields that only other programs write', async ({ folder }) => {
    const path = join(folder, 'd', 'file');
    mkdirSync(join(folder, 'd'));
    writeFileSync(path, 'the same');
    const backend = memoryBackend();
    const made = await TestRepository.create(backend);
    const options = { targets: ['d'], workingDirectory: folder, workers: 0, host: 'h' };
    const { snapshotId, tree } = await backup(made.repository, options);
    const [d] = await treeNodes(made.repository, tree);
    const [file] = await treeNodes(made.repository, d!.subtree!);
    const foreign = { ...file!, genericAttributes: new Map([['windows.file_attributes', Buffer.from('32')]]) };
    const parent = made.tree([{ ...d!, subtree: made.tree([foreign]) }]);
    await made.closePacks();
    const stored = await made.repository.snapshots().load(snapshotId!);
    await made.repository.snapshots().save({ ...stored, tree: parent });
    const again = await backup(made.repository, {
      ...options,
      time: { ns: stored.time.ns + 10n ** 18n, offsetMinutes: 0 },
    });
    expect(again.summary).toMatchObject({ filesUnmodified: 1, filesNew: 0, filesChanged: 0 });
    expect(again.tree).toBe(tree);
  });

  testInFolder('sees a file that took the place of another with the same size and time', async ({ folder }) => {
    const options = { targets: ['file'], workingDirectory: folder, workers: 0 };
    writeFileSync(join(folder, 'file'), 'one');
    utimesSync(join(folder, 'file'), 5, 5);
    const backend = memoryBackend();
    await newRepository(backend);
    await backupAgain(backend, options);
    writeFileSync(join(folder, 'other'), 'two');
    utimesSync(join(folder, 'other'), 5, 5);
    renameSync(join(folder, 'other'), join(folder, 'file'));
    expect((await backupAgain(backend, options)).summary.filesChanged).toBe(1);
  });
});

describe('the rule by which a file is unchanged', () => {
  const stat = { size: 10n, mtimeNs: 1n, ctimeNs: 2n, ino: 3n } as never;
  const instant = (ns: bigint) => ({ ns, offsetMinutes: 60 });
  const previous = treeNode(Buffer.from('f'), 'file', { size: 10n, mtime: instant(1n), ctime: instant(2n), inode: 3n });
  const strict = { ignoreInode: false, ignoreCtime: false };
  test.each<[string, object, object, boolean]>([
    ['nothing differs', {}, strict, true],
    ['the size differs', { size: 11n }, strict, false],
    ['the mtime differs by a nanosecond', { mtime: instant(2n) }, strict, false],
    ['the ctime differs', { ctime: instant(3n) }, strict, false],
    ['the ctime differs and does not count', { ctime: instant(3n) }, { ...strict, ignoreCtime: true }, true],
    ['the inode differs', { inode: 4n }, strict, false],
    ['the inode differs and only ctime does not count', { inode: 4n }, { ...strict, ignoreCtime: true }, false],
    [
      'inode and ctime differ and inodes do not count',
      { inode: 4n, ctime: instant(9n) },
      { ...strict, ignoreInode: true },
      true,
    ],
    ['it was a link before', { type: 'symlink' }, strict, false],
  ])('%s', (_, change, rule, unchanged) => {
    expect(isUnchanged(stat, { ...previous, ...change }, rule as typeof strict)).toBe(unchanged);
  });
});
