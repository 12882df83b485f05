import { nodePlatform } from '@hostark/kernels';
import { isHostarkError } from '@hostark/protocol';
import { beforeAll, describe, expect, test } from 'vitest';
import { memoryBackend } from '../../src/backends/memory.ts';
import { type CheckReport, checkRepository } from '../../src/check/check.ts';
import type { Finding, FindingKind } from '../../src/check/finding.ts';
import { idBytes, packId, type SnapshotId } from '../../src/ids.ts';
import { initRepository } from '../../src/init.ts';
import { openRepository } from '../../src/open.ts';
import { decodeHeader } from '../../src/pack/header.ts';
import { headerOfPack } from '../../src/pack/read-header.ts';
import { Repository } from '../../src/repository.ts';
import { TINY_COST, writeSample } from '../support/sample.ts';

const platform = nodePlatform();
const password = 'correct-horse';

/** What every test starts from: made once, copied for each. */
let pristine: Map<string, Uint8Array>;
let parts: ConstructorParameters<typeof Repository>[0];
let snapshot: SnapshotId;

beforeAll(async () => {
  const backend = memoryBackend();
  const repo = await initRepository(backend, { password, platform, cost: TINY_COST });
  snapshot = await writeSample(repo, { packBytes: 400_000 });
  pristine = backend.objects;
  parts = { backend, platform, config: repo.config, opened: { id: repo.keyId, master: repo.key } };
});

function copy(): { objects: Map<string, Uint8Array>; repo: Repository } {
  const objects = new Map([...pristine].map(([path, bytes]) => [path, bytes.slice()]));
  return { objects, repo: new Repository({ ...parts, backend: memoryBackend(objects) }) };
}

function open(objects: Map<string, Uint8Array>): Promise<Repository> {
  return openRepository(memoryBackend(objects), { password, platform });
}

function pathsOf(type: string): string[] {
  return [...pristine.keys()].filter((path) => path === type || path.startsWith(`${type}/`)).sort();
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Paths of packs that hold a kind of blob. */
function packsOf(kind: 'data' | 'tree'): string[] {
  const { repo } = copy();
  return pathsOf('data').filter((path) => {
    const header = headerOfPack(repo.sealer, packId(nameOf(path)), pristine.get(path)!);
    return decodeHeader(header)[0]!.kind === kind;
  });
}

const DAMAGES: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  'cut short': (bytes) => bytes.slice(0, bytes.length - 1),
  'cut to nothing': () => new Uint8Array(0),
  'one bit flipped at the start': (bytes) => flip(bytes, 0),
  'one bit flipped in the middle': (bytes) => flip(bytes, bytes.length >> 1),
  'one bit flipped at the end': (bytes) => flip(bytes, bytes.length - 1),
  'grown by a byte': (bytes) => Uint8Array.from([...bytes, 0]),
};

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[at]! ^= 0x10;
  return flipped;
}

function find(report: CheckReport, id: string, ...kinds: FindingKind[]): Finding {
  const found = report.findings.find((finding) => finding.id === id && kinds.includes(finding.kind));
  if (found === undefined) throw new Error(`no ${kinds.join(' or ')} for ${id} in ${JSON.stringify(report.findings)}`);
  return found;
}

const ALL = { readData: { kind: 'all' } } as const;

test('a whole repository has no findings, and the report says what was looked at', async () => {
  const report = await checkRepository(copy().repo, ALL);
  expect(report.findings).toEqual([]);
  expect(report).toMatchObject({ errors: 0, snapshots: 1, trees: 2, brokenPacks: [], suggestRepairIndex: false });
  expect(report.packsRead).toBe(pathsOf('data').length);
});

describe.each(Object.entries(DAMAGES))('%s', (_name, damage) => {
  test('a pack of file content is named, with the snapshot and the files it touches', async () => {
    for (const path of packsOf('data')) {
      const { objects, repo } = copy();
      objects.set(path, damage(objects.get(path)!));
      const report = await checkRepository(repo, ALL);
      const finding = find(report, nameOf(path), 'pack-damaged');
      expect(report.brokenPacks).toEqual([nameOf(path)]);
      // Damage to the header alone loses no blob: the index still finds them all.
      if (finding.blobs.length > 0) {
        expect(finding.snapshots).toEqual([snapshot]);
        expect(finding.paths.length).toBeGreaterThan(0);
        expect(finding.paths.every((file) => /^\/(large|text|xattrs|names\/)/.test(file))).toBe(true);
      }
    }
  });

  test('a pack of trees is named, with the directories that are lost', async () => {
    const [path] = packsOf('tree');
    const { objects, repo } = copy();
    objects.set(path!, damage(objects.get(path!)!));
    const report = await checkRepository(repo, ALL);
    const finding = find(report, nameOf(path!), 'pack-damaged');
    if (finding.blobs.length === 0) return;
    // A tree below one that is lost is not reached any more, so it is not named on its own.
    const trees = report.findings.filter(({ kind }) => kind === 'tree-damaged');
    expect(trees.length).toBeGreaterThan(0);
    for (const tree of trees)
      expect(tree).toMatchObject({ snapshots: [snapshot], paths: [expect.stringMatching(/\/$/)] });
  });

  test('an index file is named', async () => {
    const path = pathsOf('index')[0]!;
    const { objects, repo } = copy();
    objects.set(path, damage(objects.get(path)!));
    const report = await checkRepository(repo);
    find(report, nameOf(path), 'index-damaged');
    expect(report.suggestRepairIndex).toBe(true);
    await expect(repo.loadIndex()).rejects.toMatchObject({ code: 'object-damaged', context: { id: nameOf(path) } });
  });

  test('a snapshot is named', async () => {
    const path = pathsOf('snapshots')[0]!;
    const { objects, repo } = copy();
    objects.set(path, damage(objects.get(path)!));
    find(await checkRepository(repo), nameOf(path), 'snapshot-damaged');
    await expect(repo.snapshots().list()).rejects.toMatchObject({
      code: 'object-damaged',
      message: expect.stringContaining(nameOf(path)),
    });
  });

  test('a key is named, on opening and by the check', async () => {
    const path = pathsOf('keys')[0]!;
    const { objects, repo } = copy();
    objects.set(path, damage(objects.get(path)!));
    find(await checkRepository(repo), nameOf(path), 'key-damaged');
    await expect(open(objects)).rejects.toMatchObject({
      code: 'repository-damaged',
      message: expect.stringContaining(nameOf(path)),
    });
  });

  test('a config is named on opening', async () => {
    const { objects } = copy();
    objects.set('config', damage(objects.get('config')!));
    await expect(open(objects)).rejects.toMatchObject({
      code: 'repository-damaged',
      message: expect.stringContaining('config'),
    });
  });
});

describe('missing', () => {
  test('a pack of file content is named with every file it takes away', async () => {
    const lostPaths = new Set<string>();
    for (const path of packsOf('data')) {
      const { objects, repo } = copy();
      objects.delete(path);
      const finding = find(await checkRepository(repo), nameOf(path), 'pack-missing');
      expect(finding.blobs.length).toBeGreaterThan(0);
      expect(finding.snapshots).toEqual([snapshot]);
      for (const file of finding.paths) lostPaths.add(file);
    }
    expect(lostPaths).toContain('/large');
    expect([...lostPaths].filter((path) => path.startsWith('/names/')).length).toBe(15);
    expect(lostPaths).not.toContain('/empty');
  });

  test('a pack of trees is named, and the root that is lost', async () => {
    const [path] = packsOf('tree');
    const { objects, repo } = copy();
    objects.delete(path!);
    const report = await checkRepository(repo);
    const finding = find(report, nameOf(path!), 'pack-missing');
    expect(finding.paths).toContain('/');
    expect(report.findings.some(({ kind }) => kind === 'tree-damaged')).toBe(true);
  });

  test('an index file shows as trees and blobs that nothing lists, and packs that are not indexed', async () => {
    const { objects, repo } = copy();
    for (const path of pathsOf('index')) objects.delete(path);
    const report = await checkRepository(repo);
    expect(report.findings.filter(({ kind }) => kind === 'pack-unindexed').length).toBe(pathsOf('data').length);
    expect(report.findings.find(({ kind }) => kind === 'tree-missing')?.snapshots).toEqual([snapshot]);
  });

  test('the config means that there is no repository', async () => {
    const { objects } = copy();
    objects.delete('config');
    await expect(open(objects)).rejects.toMatchObject({ code: 'no-repository' });
  });

  test('all keys mean that no password opens', async () => {
    const { objects } = copy();
    for (const path of pathsOf('keys')) objects.delete(path);
    await expect(open(objects)).rejects.toMatchObject({ code: 'wrong-password' });
  });
});

test('a blob with a damaged copy is read from its other copy, and the check loses nothing', async () => {
  const { objects, repo } = copy();
  await repo.loadIndex();
  const [path] = packsOf('data');
  const entries = decodeHeader(headerOfPack(repo.sealer, packId(nameOf(path!)), objects.get(path!)!));
  // A second writer that did not know the first stores the same blobs again.
  const second = new Repository({ ...parts, backend: memoryBackend(objects) });
  await writeSample(second, { packBytes: 1 << 20 });
  objects.set(path!, flip(objects.get(path!)!, 20));
  const again = new Repository({ ...parts, backend: memoryBackend(objects) });
  await again.loadIndex();
  expect(again.blobs.lookupAll('data', idBytes(entries[0]!.id)).length).toBe(2);
  for (const { kind, id } of entries) expect((await again.loadBlob(kind, id)).length).toBeGreaterThan(0);
  const report = await checkRepository(again, ALL);
  expect(find(report, nameOf(path!), 'pack-damaged').blobs).toEqual([]);
  expect(report.findings.every(({ paths }) => paths.length === 0)).toBe(true);
});

test('a blob whose only copy is damaged is an error that names pack and blob', async () => {
  const { objects, repo } = copy();
  await repo.loadIndex();
  const [path] = packsOf('data');
  const [entry] = decodeHeader(headerOfPack(repo.sealer, packId(nameOf(path!)), objects.get(path!)!));
  objects.set(path!, flip(objects.get(path!)!, entry!.offset + 20));
  const error = await repo.loadBlob('data', entry!.id).catch((caught: unknown) => caught);
  expect(isHostarkError(error, 'object-damaged')).toBe(true);
  expect((error as Error).message).toContain(nameOf(path!));
  expect((error as Error).message).toContain(entry!.id);
});

test('an object that arrives damaged once is read again', async () => {
  const { objects } = copy();
  const whole = memoryBackend(objects);
  let loads = 0;
  const flaky = Object.assign(Object.create(whole), {
    load: async (...args: Parameters<typeof whole.load>) => {
      const bytes = await whole.load(...args);
      return loads++ === 0 ? flip(bytes, 3) : bytes;
    },
  });
  const repo = new Repository({ ...parts, backend: flaky });
  expect((await repo.snapshots().load(snapshot)).id).toBe(snapshot);
  expect(loads).toBe(2);
});
