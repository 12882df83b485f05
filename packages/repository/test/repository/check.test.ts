import { nodePlatform } from '@hostark/kernels';
import { beforeEach, expect, test } from 'vitest';
import { memoryBackend } from '../../src/backends/memory.ts';
import { checkRepository } from '../../src/check/check.ts';
import { utf8 } from '../../src/encoding/bytes.ts';
import { type BlobId, idBytes, packId } from '../../src/ids.ts';
import { encodeIndex } from '../../src/index/encode.ts';
import { initRepository } from '../../src/init.ts';
import { headerOfPack } from '../../src/pack/read-header.ts';
import type { Repository } from '../../src/repository.ts';
import { TreeWriter } from '../../src/tree/encode.ts';
import { type TreeNode, treeNode } from '../../src/tree/node.ts';
import { dirNode, fileNode, SampleWriter, TINY_COST, writeSample } from '../support/sample.ts';

const platform = nodePlatform();
let repo: Repository;
let objects: Map<string, Uint8Array>;

beforeEach(async () => {
  const backend = memoryBackend();
  objects = backend.objects;
  repo = await initRepository(backend, { password: 'x', platform, cost: TINY_COST });
});

async function findings(): Promise<string[]> {
  const report = await checkRepository(repo);
  return report.findings.map(({ kind, severity, paths }) => `${severity} ${kind} ${paths.join(' ')}`.trimEnd());
}

async function snapshotOf(tree: (writer: SampleWriter) => Promise<BlobId>): Promise<void> {
  const writer = new SampleWriter(repo);
  await writer.snapshot(await tree(writer));
}

function packNames(): string[] {
  return [...objects.keys()].filter((path) => path.startsWith('data/')).map((path) => path.slice(8));
}

test('an empty repository is whole', async () => {
  expect(await checkRepository(repo, { readData: { kind: 'all' } })).toMatchObject({ errors: 0, hints: 0, packs: 0 });
});

test('a pack that no index lists is a hint, and a prune is suggested', async () => {
  await writeSample(repo);
  for (const path of [...objects.keys()]) if (/^(index|snapshots)\//.test(path)) objects.delete(path);
  expect(await findings()).toEqual(packNames().map(() => 'hint pack-unindexed'));
  expect((await checkRepository(repo)).suggestPrune).toBe(true);
});

test('a pack that two index files list alike is a hint, and differently an error', async () => {
  await writeSample(repo);
  const name = packNames()[0]!;
  const pack = objects.get(`data/${name.slice(0, 2)}/${name}`)!;
  const header = headerOfPack(repo.sealer, packId(name), pack);
  await repo.saveUnpacked('index', encodeIndex([{ sha256: idBytes(name), header }]));
  expect(await findings()).toEqual(['hint pack-duplicate']);
  // 37 or 41 bytes: leaving the first entry out shifts the offsets of the others.
  await repo.saveUnpacked(
    'index',
    encodeIndex([{ sha256: idBytes(name), header: header.slice(header[0]! > 1 ? 41 : 37) }]),
  );
  const found = await findings();
  expect(found).toContain('error index-conflict');
  expect(found).not.toContain('hint pack-duplicate');
});

test('an index that leaves out a blob of a pack shows as an unexpected size', async () => {
  const writer = new SampleWriter(repo);
  const content = await writer.blob('data', utf8('one'));
  await writer.blob('data', utf8('two'));
  await writer.snapshot(await writer.tree([fileNode('a', [content], 3)]));
  for (const path of [...objects.keys()]) if (path.startsWith('index/')) objects.delete(path);
  const packs = packNames().map((name) => {
    const header = headerOfPack(repo.sealer, packId(name), objects.get(`data/${name.slice(0, 2)}/${name}`)!);
    return { sha256: idBytes(name), header: header[0] === 0 ? header.slice(0, 37) : header };
  });
  await repo.saveUnpacked('index', encodeIndex(packs));
  expect(await findings()).toEqual(['error pack-size']);
});

test('a blob that a file needs and nothing lists is named with every file that needs it', async () => {
  const lost = 'ab'.repeat(32) as BlobId;
  await snapshotOf(async (writer) => {
    const sub = await writer.tree([fileNode('also', [lost], 5)]);
    const other = await writer.tree([fileNode('whole', [], 0)]);
    return writer.tree([dirNode('dir', sub), fileNode('file', [lost, lost], 10), dirNode('other', other)]);
  });
  const report = await checkRepository(repo);
  expect(report.errors).toBe(1);
  expect(report.findings[0]).toMatchObject({ kind: 'blob-missing', object: 'data', id: lost, pathCount: 2 });
  expect([...report.findings[0]!.paths].sort()).toEqual(['/dir/also', '/file']);
});

test.each<[string, TreeNode]>([
  ['has the unknown type', { ...treeNode(utf8('n'), 'file'), type: 'door' as never, content: null }],
  ['has the unknown type', treeNode(utf8('n'), 'irregular')],
  ['has no list of blobs', treeNode(utf8('n'), 'file', { content: null })],
  ['has no tree', treeNode(utf8('n'), 'dir')],
  ['empty name', treeNode(utf8(''), 'file')],
  ['not the name of one directory entry', treeNode(utf8('..'), 'file')],
  ['not the name of one directory entry', treeNode(utf8('.'), 'file')],
  ['not the name of one directory entry', treeNode(utf8('a/b'), 'file')],
])('a tree with a node that %s is invalid', async (problem, node) => {
  await snapshotOf((writer) => writer.tree([node]));
  const report = await checkRepository(repo);
  expect(report.findings.map(({ kind, message }) => [kind, message])).toEqual([
    ['tree-invalid', expect.stringContaining(problem)],
  ]);
  expect(report.findings[0]!.paths).toEqual(['/']);
});

test('a tree out of order, and a size that its blobs do not add up to, are hints', async () => {
  await snapshotOf(async (writer) => {
    const unordered = new TreeWriter({ unordered: true });
    for (const name of ['b', 'a']) unordered.add(treeNode(utf8(name), 'file'));
    const content = await writer.blob('data', utf8('four'));
    const size = await writer.tree([fileNode('f', [content], 5)]);
    return writer.tree([dirNode('order', await writer.blob('tree', unordered.take())), dirNode('size', size)]);
  });
  expect(await findings()).toEqual(['hint tree-unusual', 'hint tree-unusual']);
});

test('a tree blob that is no tree is damaged', async () => {
  await snapshotOf((writer) => writer.blob('tree', utf8('{"nodes":[{]}')));
  expect(await findings()).toEqual(['error tree-damaged /']);
});

test('a pack that mixes kinds is a hint', async () => {
  await snapshotOf(async (writer) => writer.tree([fileNode('a', [await writer.blob('data', utf8('x'))], 1)]));
  const packs = packNames().map((name) => {
    const pack = objects.get(`data/${name.slice(0, 2)}/${name}`)!;
    const header = headerOfPack(repo.sealer, packId(name), pack);
    return { header, blobs: pack.subarray(0, pack.length - header.length - 36) };
  });
  const header = Buffer.concat(packs.map((pack) => pack.header));
  const sealed = new Uint8Array(header.length + 32);
  repo.sealer.seal(header, sealed);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(sealed.length);
  const mixed = Buffer.concat([...packs.map((pack) => pack.blobs), sealed, length]);
  for (const path of [...objects.keys()]) if (/^(data|index)\//.test(path)) objects.delete(path);
  const sha256 = platform.sha256(mixed);
  const name = Buffer.from(sha256).toString('hex');
  await repo.backend.save({ type: 'data', name }, mixed);
  await repo.saveUnpacked('index', encodeIndex([{ sha256, header }]));
  expect(await findings()).toEqual(['hint pack-mixed']);
  expect((await checkRepository(repo, { readData: { kind: 'all' } })).errors).toBe(0);
});

test('an aborted check rejects with the reason', async () => {
  await writeSample(repo);
  const controller = new AbortController();
  const progress = (): void => controller.abort(new Error('enough'));
  await expect(checkRepository(repo, { progress, signal: controller.signal })).rejects.toThrow('enough');
});

test('progress tells every phase, and never more than its total', async () => {
  await writeSample(repo);
  const phases = new Set<string>();
  const progress = (phase: string, done: number, total: number | null): void => {
    phases.add(phase);
    expect(done).toBeLessThanOrEqual(total ?? Number.POSITIVE_INFINITY);
  };
  await checkRepository(repo, { progress, readData: { kind: 'all' } });
  expect([...phases]).toEqual(['keys', 'snapshots', 'index', 'trees', 'data']);
});
