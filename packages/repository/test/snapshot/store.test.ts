import { nodePlatform } from '@hostark/kernels';
import { beforeAll, describe, expect, test } from 'vitest';
import { counting } from '../../src/backends/counting.ts';
import { memoryBackend } from '../../src/backends/memory.ts';
import { textOf } from '../../src/encoding/bytes.ts';
import type { SnapshotId } from '../../src/ids.ts';
import { initRepository } from '../../src/init.ts';
import { Repository } from '../../src/repository.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/snapshot/snapshot.ts';
import { TreeReader } from '../../src/tree/reader.ts';
import { forEachTree, walkTree } from '../../src/tree/walk.ts';
import { NOON, SAMPLE_NAMES, sampleSnapshot, TINY_COST, writeSample } from '../support/sample.ts';

const platform = nodePlatform();
let repo: Repository;
let first: SnapshotId;
let second: SnapshotId;

beforeAll(async () => {
  repo = await initRepository(memoryBackend(), { password: 'x', platform, cost: TINY_COST });
  first = await writeSample(repo);
  const { id: _, ...fields } = await repo.snapshots().load(first);
  const time = { ns: NOON.ns + 1n, offsetMinutes: 0 };
  second = await repo.snapshots().save({ ...fields, time, parent: first, hostname: 'db-1', paths: ['/db'] });
});

describe('snapshots', () => {
  test('are listed oldest first, filtered', async () => {
    expect((await repo.snapshots().list()).map(({ id }) => id)).toEqual([first, second]);
    expect((await repo.snapshots().list({ hosts: ['db-1'] })).map(({ id }) => id)).toEqual([second]);
  });

  test('are found by id, prefix and as the latest', async () => {
    const store = repo.snapshots();
    expect((await store.find(first)).id).toBe(first);
    expect((await store.find(first.slice(0, 12))).id).toBe(first);
    expect((await store.find('latest')).id).toBe(second);
    expect((await store.find('latest', { hosts: ['web-1'] })).id).toBe(first);
    await expect(store.find('latest', { hosts: ['none'] })).rejects.toMatchObject({ code: 'snapshot-not-found' });
    await expect(store.find('ff'.repeat(32))).rejects.toMatchObject({ code: 'object-missing' });
  });

  test('resolve to a subfolder, however it is written', async () => {
    const store = repo.snapshots();
    const root = await store.resolve('latest');
    expect(root).toMatchObject({ path: '', tree: root.snapshot.tree });
    const names = await store.resolve(`${first.slice(0, 10)}:names`);
    for (const spec of ['latest:/names', 'latest:names/', 'latest:./names//']) {
      expect(await store.resolve(spec)).toMatchObject({ path: 'names', tree: names.tree });
    }
    for (const spec of ['latest:nothing', 'latest:large', 'latest:names/deeper']) {
      await expect(store.resolve(spec)).rejects.toMatchObject({ code: 'path-not-found' });
    }
  });

  test('give the parent of a new backup', async () => {
    const later = { ns: NOON.ns + 10n, offsetMinutes: 0 };
    expect((await repo.snapshots().parentFor({ host: 'db-1', paths: ['/db'], time: later }))?.id).toBe(second);
    expect(await repo.snapshots().parentFor({ host: 'db-1', paths: ['/other'], time: later })).toBeNull();
  });

  test('with every field are written in the order that restic has, and come back', () => {
    const snapshot = sampleSnapshot('ab'.repeat(32) as never, {
      parent: first,
      uid: 1000,
      gid: 100,
      excludes: ['*.log', '<&>'],
      original: second,
      summary: {
        backupStart: NOON,
        backupEnd: { ns: NOON.ns, offsetMinutes: -90 },
        filesNew: 1,
        filesChanged: 2,
        filesUnmodified: 3,
        dirsNew: 4,
        dirsChanged: 5,
        dirsUnmodified: 6,
        dataBlobs: 7,
        treeBlobs: 8,
        dataAdded: 9,
        dataAddedPacked: 2 ** 50,
        totalFilesProcessed: 11,
        totalBytesProcessed: 12,
      },
    });
    const json = encodeSnapshot(snapshot);
    expect(decodeSnapshot(json)).toEqual(snapshot);
    expect(Object.keys(JSON.parse(textOf(json))).join(' ')).toBe(
      'time parent tree paths hostname username uid gid excludes tags original program_version summary',
    );
    expect(textOf(json)).toContain('"excludes":["*.log","\\u003c\\u0026\\u003e"]');
    expect(textOf(json)).toContain('"backup_end":"2023-11-14T20:43:20.123456789-01:30","files_new":1');
  });

  test.each(['{}', '[]', 'null', '{"time":"x","tree":"00"}', `{"time":"","tree":"${'0'.repeat(64)}"}`])(
    'that read %s are refused',
    (json) => {
      expect(() => decodeSnapshot(new TextEncoder().encode(json))).toThrow();
    },
  );
});

describe('walking', () => {
  test('visits directories before their content, in stored order, and skips on demand', async () => {
    const { tree } = await repo.snapshots().resolve('latest');
    const paths: string[] = [];
    await walkTree(repo, tree, ({ path }) => {
      paths.push(textOf(path));
      return undefined;
    });
    expect(paths.length).toBe(6 + SAMPLE_NAMES.length);
    expect(paths.slice(0, 5)).toEqual(['/empty', '/large', '/link', '/names', '/names/\u0001\u0007\b\t\n\u000b\f\r']);
    expect(paths.slice(-2)).toEqual(['/text', '/xattrs']);
    const shallow: string[] = [];
    await walkTree(repo, tree, ({ path, node }) => {
      shallow.push(textOf(path));
      return node.type === 'dir' ? 'skip' : undefined;
    });
    expect(shallow).toEqual(['/empty', '/large', '/link', '/names', '/text', '/xattrs']);
  });

  test('loads each distinct tree once', async () => {
    const roots = (await repo.snapshots().list()).map(({ tree }) => tree);
    let trees = 0;
    await forEachTree(repo, roots, (_tree, nodes) => {
      expect(nodes).not.toBeNull();
      trees++;
    });
    expect(trees).toBe(2);
  });

  test('reads a pack of trees whole from its second tree on', async () => {
    const backend = counting(repo.backend);
    const { config, platform: same, keyId, key } = repo;
    const counted = new Repository({ backend, platform: same, config, opened: { id: keyId, master: key } });
    await counted.loadIndex();
    const reader = new TreeReader(counted);
    const { tree } = await counted.snapshots().resolve('latest');
    const before = backend.counts.load.requests;
    for (let round = 0; round < 20; round++) {
      for (const { subtree } of await reader.load(tree)) if (subtree !== null) await reader.load(subtree);
    }
    expect(backend.counts.load.requests - before).toBeLessThanOrEqual(2);
  });
});
