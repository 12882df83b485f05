import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { OperationEvent } from '@hostark/protocol';
import { blobId, memoryBackend, type Repository } from '@hostark/repository';
import { describe, expect } from 'vitest';
import { backup } from '../../src/backup/backup.ts';
import { compileSelector } from '../../src/select/selector.ts';
import { parseTagFile } from '../../src/select/stat-rules.ts';
import { testInFolder } from '../support/temporary.ts';
import { contentOf, differences, newRepository, nodeAt, treeNodes } from './helpers.ts';
import { makeStrangeTree } from './strange-tree.ts';

const host = 'h';

async function rootNames(repository: Repository, tree: string): Promise<string[]> {
  return (await treeNodes(repository, blobId(tree))).map((node) => Buffer.from(node.name).toString());
}

describe('a first backup', () => {
  testInFolder('saves all bytes and metadata, as the same tree with any number of workers', async ({ folder }) => {
    makeStrangeTree(folder);
    const trees = new Set<string>();
    for (const workers of [0, 1, 2]) {
      const repository = await newRepository(memoryBackend());
      // Not by its absolute path: the folders above it change while tests run beside this one.
      const result = await backup(repository, { targets: ['.'], workingDirectory: folder, host, workers });
      expect(result.errors).toEqual([]);
      expect(await differences(repository, blobId(result.tree), Buffer.from(folder))).toEqual([]);
      trees.add(result.tree);
    }
    expect(trees.size).toBe(1);
  });

  testInFolder('keeps the directories above an absolute target, and nothing else of them', async ({ folder }) => {
    writeFileSync(join(folder, 'file'), 'x');
    const repository = await newRepository(memoryBackend());
    const { tree } = await backup(repository, { targets: [folder], host, workers: 0 });
    const names = folder.split('/').slice(1);
    expect(await rootNames(repository, tree)).toEqual([names[0]]);
    expect((await nodeAt(repository, tree, ...names, 'file')).size).toBe(1n);
  });

  testInFolder('compresses nothing in version 1', async ({ folder }) => {
    writeFileSync(join(folder, 'text'), 'compressible '.repeat(1000));
    const repository = await newRepository(memoryBackend(), 1);
    const { tree } = await backup(repository, { targets: ['text'], workingDirectory: folder, host, workers: 1 });
    expect((await contentOf(repository, await nodeAt(repository, tree, 'text'))).length).toBe(13_000);
    repository.blobs.forEach((_kind, _id, place) => {
      expect(place.uncompressedLength).toBe(0);
    });
  });

  testInFolder('compresses trees and not data in version 2 when compression is off', async ({ folder }) => {
    writeFileSync(join(folder, 'text'), 'compressible '.repeat(1000));
    const repository = await newRepository(memoryBackend());
    await backup(repository, { targets: ['.'], workingDirectory: folder, host, workers: 0, compression: 'off' });
    const compressed = new Map<string, boolean>();
    repository.blobs.forEach((kind, _id, place) => {
      compressed.set(kind, place.uncompressedLength > 0);
    });
    expect(Object.fromEntries(compressed)).toEqual({ data: false, tree: true });
  });

  testInFolder('counts as restic does', async ({ folder }) => {
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    writeFileSync(join(folder, 'a/one'), 'same');
    writeFileSync(join(folder, 'a/two'), 'same');
    writeFileSync(join(folder, 'a/b/empty'), '');
    const backend = memoryBackend();
    const repository = await newRepository(backend);
    const options = { targets: ['a'], workingDirectory: folder, host, workers: 0 };
    const { summary } = await backup(repository, options);
    expect(summary).toMatchObject({ filesNew: 3, dirsNew: 2, dataBlobs: 1, treeBlobs: 3, totalBytesProcessed: 8 });
    // restic does not count the header's 36 bytes of the packs that the end of a backup closes: one of data, one of trees.
    let stored = -2 * 36;
    for await (const { size } of backend.list('data')) stored += size;
    expect(summary.dataAddedPacked).toBe(stored);
  });

  testInFolder('passes over sockets without a word', async ({ folder }) => {
    writeFileSync(join(folder, 'file'), 'x');
    const server = createServer().listen(join(folder, 'socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      const repository = await newRepository(memoryBackend());
      const result = await backup(repository, { targets: ['.'], workingDirectory: folder, host, workers: 0 });
      expect(result.errorCount).toBe(0);
      expect(await rootNames(repository, result.tree)).toEqual(['file']);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  testInFolder('writes the snapshot that it was asked for', async ({ folder }) => {
    writeFileSync(join(folder, 'file'), 'x');
    const repository = await newRepository(memoryBackend());
    const time = { ns: 1_700_000_000_123_456_789n, offsetMinutes: 90 };
    const { snapshotId, tree, summary } = await backup(repository, {
      targets: ['file', folder],
      workingDirectory: folder,
      host: 'web-1',
      user: 'carol',
      uid: 7,
      tags: ['nightly'],
      excludePatterns: ['*.tmp'],
      time,
      programVersion: 'hostark 1',
    });
    const snapshot = await repository.snapshots().load(snapshotId!);
    expect(snapshot).toMatchObject({
      time,
      tree,
      parent: null,
      paths: [join(folder, 'file'), folder],
      hostname: 'web-1',
      username: 'carol',
      uid: 7,
      gid: 0,
      tags: ['nightly'],
      excludes: ['*.tmp'],
      programVersion: 'hostark 1',
      summary,
    });
  });

  testInFolder('tells progress, and items when asked', async ({ folder }) => {
    mkdirSync(join(folder, 'd'));
    writeFileSync(join(folder, 'd/f'), '12345');
    const events: OperationEvent[] = [];
    const options = { targets: ['d'], workingDirectory: folder, host, verbose: true };
    await backup(await newRepository(memoryBackend()), { ...options, onEvent: (event) => events.push(event) });
    expect(events.filter((event) => event.type === 'item')).toEqual([
      { type: 'item', action: 'new', item: '/d/f', bytes: 5 },
      { type: 'item', action: 'new', item: '/d', bytes: 0 },
    ]);
    expect(events.some((event) => event.type === 'progress' && event.phase === 'backup')).toBe(true);
  });
});

describe('what is left out', () => {
  testInFolder('is what patterns, tag files and sizes say, but never a named target', async ({ folder }) => {
    for (const name of ['keep', 'cache', 'cache/deep', 'tagged', 'named.tmp']) mkdirSync(join(folder, name));
    for (const name of ['keep/a', 'keep/b.tmp', 'cache/deep/c', 'tagged/TAG', 'tagged/data', 'named.tmp/in']) {
      writeFileSync(join(folder, name), 'x');
    }
    writeFileSync(join(folder, 'keep/large'), 'x'.repeat(100));
    const repository = await newRepository(memoryBackend());
    const { tree } = await backup(repository, {
      targets: ['keep', 'cache', 'tagged', 'named.tmp'],
      workingDirectory: folder,
      host,
      workers: 0,
      excludes: compileSelector({ exclude: ['*.tmp', `${folder}/cache/deep`] }),
      excludeIfPresent: [parseTagFile('TAG')],
      excludeLargerThan: 99,
    });
    const below = async (name: string) =>
      rootNames(repository, (await nodeAt(repository, tree, name)).subtree ?? '').catch(() => 'none');
    expect(await rootNames(repository, tree)).toEqual(['cache', 'keep', 'named.tmp', 'tagged']);
    expect(await below('keep')).toEqual(['a']);
    expect(await below('cache')).toEqual([]);
    expect(await below('tagged')).toEqual(['TAG']);
    // What lies below an excluded name is excluded as well, though the name itself was given by the user.
    expect(await below('named.tmp')).toEqual([]);
  });

  testInFolder('counts for the entries of a bare target', async ({ folder }) => {
    writeFileSync(join(folder, 'a'), 'x');
    writeFileSync(join(folder, 'b'), 'x');
    const repository = await newRepository(memoryBackend());
    const excludes = compileSelector({ exclude: ['b'] });
    const { tree } = await backup(repository, { targets: ['.'], workingDirectory: folder, host, workers: 0, excludes });
    expect(await rootNames(repository, tree)).toEqual(['a']);
  });
});
