/** Threads that verify packs say exactly what one thread says, of whole repositories and of damaged ones. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Backend,
  type CheckReport,
  checkRepository,
  encodeIndex,
  headerOfPack,
  idBytes,
  initLocalDirectory,
  localBackend,
  memoryBackend,
  type PackId,
  Repository,
} from '@hostark/repository';
import { describe, expect } from 'vitest';
import { verifyOnThreads } from '../../src/verify/verify.ts';
import { testInFolder } from '../support/temporary.ts';
import { noise, TestRepository } from '../support/test-repository.ts';

const built = existsSync(fileURLToPath(new URL('../../dist/verify-worker.cjs', import.meta.url)));
const ALL = { readData: { kind: 'all' } } as const;

/** Six packs of data, among them twins, and one of trees, with an index and a snapshot. */
async function sample(folder: string): Promise<TestRepository> {
  return sampleOf(folder, 5, 40);
}

/** Twelve packs of one large blob each, and the others of a sample. */
async function largeSample(folder: string): Promise<TestRepository> {
  return sampleOf(folder, 12, 0);
}

async function sampleOf(folder: string, packs: number, smallFiles: number): Promise<TestRepository> {
  await initLocalDirectory(folder);
  const made = await TestRepository.create(localBackend(folder));
  const nodes = [];
  for (let pack = 0; pack < packs; pack++) {
    const large = noise(700_000, pack + 1);
    const small = Array.from({ length: smallFiles }, (_, i) => Buffer.from(`file ${i} of pack ${pack} `.repeat(40)));
    nodes.push(made.file(`large-${pack}`, [large]));
    for (const [i, content] of small.entries()) nodes.push(made.file(`small-${pack}-${i}`, [content]));
    await made.closePacks();
  }
  made.blob('data', noise(700_000, 1), true);
  const tree = made.tree([made.dir('folder', nodes)]);
  await made.closePacks();
  await writeIndex(made.repository, made.packs);
  await made.repository.snapshots().save({
    time: { ns: 1_700_000_000_000_000_000n, offsetMinutes: 0 },
    parent: null,
    tree,
    paths: ['/folder'],
    hostname: 'host',
    username: 'user',
    uid: 0,
    gid: 0,
    excludes: [],
    tags: [],
    original: null,
    programVersion: 'hostark 0.1.0',
    summary: null,
  });
  return made;
}

async function writeIndex(repository: Repository, packs: readonly PackId[]): Promise<void> {
  const indexed = [];
  for (const id of packs) {
    const bytes = await repository.backend.load({ type: 'data', name: id });
    indexed.push({ sha256: idBytes(id), header: headerOfPack(repository.sealer, id, bytes) });
  }
  await repository.saveUnpacked('index', encodeIndex(indexed));
}

/** The same repository elsewhere; nothing of what was loaded comes along. */
function over(made: TestRepository, backend: Backend): Repository {
  const { platform, config, keyId, key } = made.repository;
  return new Repository({ backend, platform, config, opened: { id: keyId, master: key } });
}

/** Every object of a folder, in memory. */
function inMemory(folder: string): Backend {
  const objects = new Map<string, Uint8Array>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    objects.set(path.slice(folder.length + 1), new Uint8Array(readFileSync(path)));
  }
  return memoryBackend(objects);
}

/** Messages of the backend name its place, which differs. */
function comparable(report: CheckReport, places: readonly string[]): unknown {
  return JSON.parse(places.reduce((text, place) => text.replaceAll(place, 'HERE'), JSON.stringify(report)));
}

async function expectSameReports(made: TestRepository, folder: string): Promise<CheckReport> {
  const expected = await checkRepository(over(made, localBackend(folder)), ALL);
  for (const threads of [0, 1, 3]) {
    const verifiers = verifyOnThreads({ threads });
    const local = await checkRepository(over(made, localBackend(folder)), { ...ALL, verifiers });
    expect(local, `${threads} threads, in a folder`).toEqual(expected);
    const memory = inMemory(folder);
    const remote = await checkRepository(over(made, memory), { ...ALL, verifiers });
    expect(comparable(remote, [memory.location]), `${threads} threads, elsewhere`).toEqual(
      comparable(expected, [folder]),
    );
  }
  return expected;
}

function pathOf(folder: string, pack: PackId): string {
  return join(folder, 'data', pack.slice(0, 2), pack);
}

function change(folder: string, pack: PackId, edit: (bytes: Buffer) => Uint8Array): void {
  const path = pathOf(folder, pack);
  const edited = edit(readFileSync(path));
  chmodSync(path, 0o600);
  writeFileSync(path, edited);
}

function flipped(bytes: Buffer, at: number): Buffer {
  bytes[at] = bytes[at]! ^ 1;
  return bytes;
}

describe.skipIf(!built)('threads (need the build)', () => {
  testInFolder('find nothing in a whole repository, and read all of it', async ({ folder }) => {
    const made = await sample(folder);
    const report = await expectSameReports(made, folder);
    expect(report).toMatchObject({ errors: 0, packsRead: 7, trees: 2 });
    expect(report.bytesRead).toBeGreaterThan(6 * 700_000);
  });

  testInFolder('find what one thread finds in packs that are damaged in every way at once', async ({ folder }) => {
    const made = await sample(folder);
    const [twin, cut, header, grown, blobs, , trees] = made.packs as [
      PackId,
      PackId,
      PackId,
      PackId,
      PackId,
      PackId,
      PackId,
    ];
    change(folder, twin, (bytes) => flipped(bytes, 5000)); // the other copy of this blob is whole
    change(folder, cut, (bytes) => bytes.subarray(0, 300_000));
    change(folder, header, (bytes) => flipped(bytes, bytes.length - 20));
    change(folder, grown, (bytes) => Buffer.concat([bytes, Buffer.from('more')]));
    // More broken blobs than are told one by one.
    change(folder, blobs, (bytes) => {
      for (let at = 700_100; at < bytes.length - 4000; at += 50) flipped(bytes, at);
      return bytes;
    });
    change(folder, trees, (bytes) => flipped(bytes, 40));
    const report = await expectSameReports(made, folder);
    const damaged = report.findings.filter(({ kind }) => kind === 'pack-damaged');
    expect(damaged.map(({ id }) => id).sort()).toEqual([twin, cut, header, grown, blobs, trees].sort());
    expect(damaged.find(({ id }) => id === twin)!.blobs).toEqual([]);
    expect(damaged.find(({ id }) => id === blobs)!.message).toMatch(/; and \d+ more$/);
  });

  testInFolder('find what one thread finds in packs of large blobs, which are verified abreast', async ({ folder }) => {
    const made = await largeSample(folder);
    expect((await expectSameReports(made, folder)).errors).toBe(0);
    const [twin, cut, header, grown, blob, gone] = made.packs as [PackId, PackId, PackId, PackId, PackId, PackId];
    change(folder, twin, (bytes) => flipped(bytes, 5000));
    change(folder, cut, (bytes) => bytes.subarray(0, 300_000));
    change(folder, header, (bytes) => flipped(bytes, bytes.length - 20));
    change(folder, grown, (bytes) => Buffer.concat([bytes, Buffer.from('more')]));
    change(folder, blob, (bytes) => flipped(bytes, 699_000));
    rmSync(pathOf(folder, gone));
    mkdirSync(pathOf(folder, gone));
    const report = await expectSameReports(made, folder);
    const damaged = report.findings.filter(({ kind }) => kind === 'pack-damaged');
    expect(damaged.map(({ id }) => id).sort()).toEqual([twin, cut, header, grown, blob].sort());
  });

  testInFolder('find what one thread finds when index entries overlap', async ({ folder }) => {
    const made = await sample(folder);
    const pack = made.packs[2]!;
    const bytes = await made.repository.backend.load({ type: 'data', name: pack });
    const opened = headerOfPack(made.repository.sealer, pack, bytes);
    // Without its first entry, every blob of the pack seems to lie where another one is.
    await made.repository.saveUnpacked(
      'index',
      encodeIndex([{ sha256: idBytes(pack), header: opened.subarray(opened[0]! > 1 ? 41 : 37) }]),
    );
    const report = await expectSameReports(made, folder);
    const finding = report.findings.find(({ kind, id }) => kind === 'pack-damaged' && id === pack)!;
    expect(finding.message).toContain('its header and the index list different blobs');
  });

  testInFolder('leave to the backend what they cannot read', async ({ folder }) => {
    const made = await sample(folder);
    const [first, second] = made.packs as [PackId, PackId];
    // A folder is no file, so it is not listed: it vanished. An empty file is read, and is nothing.
    rmSync(pathOf(folder, first));
    mkdirSync(pathOf(folder, first));
    change(folder, second, () => new Uint8Array(0));
    const report = await expectSameReports(made, folder);
    expect(report.findings.find(({ id }) => id === first)?.kind).toBe('pack-missing');
    expect(report.findings.find(({ id, kind }) => id === second && kind === 'pack-damaged')).toBeDefined();
  });

  testInFolder('tell a pack that vanished since it was listed in the words of the backend', async ({ folder }) => {
    const made = await sample(folder);
    const pack = made.packs[1]!;
    const reports: CheckReport[] = [];
    for (const verifiers of [undefined, verifyOnThreads({ threads: 2 })]) {
      const repository = over(made, localBackend(folder));
      const bytes = readFileSync(pathOf(folder, pack));
      // The snapshots are listed, then the index, then the packs; the trees come after.
      const progress = (phase: string): void => {
        if (phase === 'trees') rmSync(pathOf(folder, pack), { force: true });
      };
      const gone = verifiers === undefined ? { progress } : { verifiers: delayed(verifiers, folder, pack) };
      reports.push(await checkRepository(repository, { ...ALL, ...gone }));
      writeFileSync(pathOf(folder, pack), bytes);
    }
    expect(reports[0]!.findings).toEqual([expect.objectContaining({ kind: 'pack-damaged', id: pack })]);
    expect(reports[1]).toEqual(reports[0]);
  });

  testInFolder('stop when the check is aborted', async ({ folder }) => {
    const made = await sample(folder);
    for (const backend of [localBackend(folder), inMemory(folder)]) {
      const controller = new AbortController();
      const progress = (phase: string): void => {
        if (phase === 'data') controller.abort(new Error('enough'));
      };
      const options = { ...ALL, verifiers: verifyOnThreads({ threads: 1 }), progress, signal: controller.signal };
      await expect(checkRepository(over(made, backend), options)).rejects.toThrow('enough');
    }
  });
});

/** The same threads, with a pack taken away just before they begin. */
function delayed(verifiers: ReturnType<typeof verifyOnThreads>, folder: string, pack: PackId): typeof verifiers {
  return (setup) => {
    rmSync(pathOf(folder, pack));
    return verifiers(setup);
  };
}
