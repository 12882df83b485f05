import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { nodePlatform } from '@hostark/kernels';
import { beforeAll, describe, expect, test } from 'vitest';
import { localBackend } from '../../src/backends/local.ts';
import { textOf } from '../../src/encoding/bytes.ts';
import { formatInstant } from '../../src/encoding/instant-text.ts';
import { type BlobId, blobIdFrom, idBytes, packId } from '../../src/ids.ts';
import { openRepository } from '../../src/open.ts';
import { decodeHeader } from '../../src/pack/header.ts';
import { openBlob } from '../../src/pack/open-blob.ts';
import { loadPackHeader } from '../../src/pack/read-header.ts';
import { readPackRanges } from '../../src/pack/read-plan.ts';
import type { Repository } from '../../src/repository.ts';
import { encodeSnapshot } from '../../src/snapshot/snapshot.ts';
import { permissionsOf, statModeOf } from '../../src/tree/mode.ts';
import type { TreeNode } from '../../src/tree/node.ts';
import { walkTree } from '../../src/tree/walk.ts';
import { fixtureLines, fixturePath, fixtureText, fixtureTrees, VERSIONS } from '../support/fixtures.ts';

const platform = nodePlatform();

function openFixture(version: 1 | 2, password = 'correct-horse'): Promise<Repository> {
  return openRepository(localBackend(fixturePath(version, 'repo')), { password, platform });
}

interface Walked {
  readonly path: Uint8Array;
  readonly node: TreeNode;
}

async function walkAll(repo: Repository, tree: BlobId): Promise<Walked[]> {
  const walked: Walked[] = [];
  await walkTree(repo, tree, ({ path, node }) => {
    walked.push({ path, node });
    return undefined;
  });
  return walked;
}

async function contentSha256(repo: Repository, node: TreeNode): Promise<string> {
  const hash = createHash('sha256');
  for (const id of node.content ?? []) hash.update(await repo.loadBlob('data', id));
  return hash.digest('hex');
}

/** The facts of manifest-N.ndjson, as Python printed them. */
interface Fact {
  readonly path_b64: string;
  readonly mode: string;
  readonly mtime_ns: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly size?: number;
  readonly sha256?: string;
  readonly target_b64?: string;
  readonly rdev?: readonly [number, number];
  readonly xattrs_b64?: Readonly<Record<string, string>>;
}

describe.each(VERSIONS)('the repository that restic wrote in format version %i', (version) => {
  let repo: Repository;

  beforeAll(async () => {
    repo = await openFixture(version);
    await repo.loadIndex();
  });

  test('opens with the second password as well', async () => {
    const second = await openFixture(version, 'second-password');
    expect(second.key).toEqual(repo.key);
    expect(second.keyId).not.toBe(repo.keyId);
  });

  test('has the config that restic prints', () => {
    const { version: number, id, polynomial } = repo.config;
    const config = { version: number, id, chunker_polynomial: polynomial.toString(16) };
    expect(config).toEqual(JSON.parse(fixtureText(version, 'config.json')));
  });

  test('has the snapshots that restic lists, and their JSON is written back as it was', async () => {
    const listed = JSON.parse(fixtureText(version, 'snapshots.json')) as { id: string; short_id: string }[];
    const snapshots = await repo.snapshots().list();
    const ours = snapshots.map((snapshot) => ({
      ...JSON.parse(textOf(encodeSnapshot(snapshot))),
      id: snapshot.id,
      short_id: snapshot.id.slice(0, 8),
    }));
    expect(ours).toEqual(listed);
    for (const { id, ...snapshot } of snapshots) {
      expect(textOf(encodeSnapshot(snapshot))).toBe(textOf(await repo.loadUnpacked('snapshots', id)));
    }
  });

  test('has the blobs that restic lists', () => {
    const ours: string[] = [];
    repo.blobs.forEach((kind, id) => {
      ours.push(`${kind} ${blobIdFrom(id)}`);
    });
    expect(ours.sort()).toEqual(fixtureLines(version, 'blobs.txt').sort());
  });

  test('has a readable index and pack headers that agree with it', async () => {
    let blobs = 0;
    for await (const { name, size } of repo.backend.list('data')) {
      const header = await loadPackHeader(repo.backend, repo.sealer, packId(name), size);
      for (const entry of decodeHeader(header)) {
        const { kind, id, ...place } = entry;
        const pack = repo.blobs.packNumber(packId(name));
        expect(repo.blobs.lookupAll(kind, idBytes(id))).toContainEqual({ pack, ...place });
        blobs++;
      }
    }
    expect(blobs).toBe(fixtureLines(version, 'blobs.txt').length);
  });

  test('gives every tree exactly as it was hashed', async () => {
    for (const [id, bytes] of fixtureTrees(version)) {
      expect(textOf(await repo.loadBlob('tree', id as BlobId))).toBe(textOf(bytes));
    }
  });

  test('gives every blob by ranges of its pack, verified', async () => {
    let blobs = 0;
    for await (const { name, size } of repo.backend.list('data')) {
      const header = await loadPackHeader(repo.backend, repo.sealer, packId(name), size);
      for await (const { range, sealed } of readPackRanges(repo.backend, packId(name), decodeHeader(header))) {
        openBlob(platform, repo.sealer, sealed, range.uncompressedLength, idBytes(range.id));
        blobs++;
      }
    }
    expect(blobs).toBe(repo.blobs.entryCount);
  });

  test('lists what restic ls lists', async () => {
    const lists = readdirSync(fixturePath(version, '.')).filter((name) => name.startsWith('ls-'));
    expect(lists.length).toBe(4);
    for (const name of lists) {
      const [head, ...lines] = fixtureLines(version, name).map((line) => JSON.parse(line));
      const { snapshot, tree } = await repo.snapshots().resolve(head.id.slice(0, 8));
      expect(snapshot.id).toBe(head.id);
      const ours = (await walkAll(repo, tree)).map(({ path, node }) => lsFacts(path, node));
      const facts = fixtureLines(version, name)
        .slice(1)
        .map((line, i) => ({ ...lines[i], inode: /"inode":(\d+)/.exec(line)?.[1] }));
      for (const fact of facts) for (const key of ['message_type', 'struct_type', 'permissions']) delete fact[key];
      expect(ours).toEqual(facts);
    }
  });

  test.each([0, 1])('holds what the file system held at snapshot %i', async (number) => {
    const snapshots = await repo.snapshots().list();
    const walked = await walkAll(repo, snapshots[number]!.tree);
    const byPath = new Map(walked.map(({ path, node }) => [Buffer.from(path).toString('base64'), node]));
    const lines = fixtureLines(version, `manifest-${number}.ndjson`);
    let files = 0;
    for (const line of lines) {
      const fact = JSON.parse(line) as Fact;
      const node = byPath.get(fact.path_b64);
      if (node === undefined) throw new Error(`not in the snapshot: ${Buffer.from(fact.path_b64, 'base64')}`);
      expect(`0o${statModeOf(node.type, node.mode).toString(8)}`).toBe(fact.mode);
      expect(permissionsOf(node.mode)).toBe(Number(fact.mode) & 0o7777);
      expect(String(node.mtime.ns)).toBe(/"mtime_ns": (-?\d+)/.exec(line)?.[1]);
      expect([node.uid, node.gid]).toEqual([fact.uid, fact.gid]);
      const target = node.linkTarget === undefined ? undefined : Buffer.from(node.linkTarget).toString('base64');
      expect(target).toBe(fact.target_b64);
      const xattrs = node.xattrs.map(({ name, value }) => [name, Buffer.from(value).toString('base64')]);
      expect(Object.fromEntries(xattrs)).toEqual(fact.xattrs_b64 ?? {});
      // Linux makedev() of numbers below 256.
      if (fact.rdev !== undefined) expect(Number(node.device)).toBe((fact.rdev[0] << 8) | fact.rdev[1]);
      if (fact.sha256 !== undefined) {
        files++;
        expect(Number(node.size)).toBe(fact.size);
        expect(Number(node.links)).toBe(fact.nlink);
        expect(await contentSha256(repo, node)).toBe(fact.sha256);
      }
    }
    expect(files).toBeGreaterThan(300);
  });
});

function lsFacts(path: Uint8Array, node: TreeNode): Record<string, unknown> {
  return {
    name: new TextDecoder().decode(node.name),
    type: node.type,
    path: new TextDecoder().decode(path),
    uid: node.uid,
    gid: node.gid,
    ...(node.type === 'file' ? { size: Number(node.size) } : {}),
    ...(node.mode === 0 ? {} : { mode: node.mode }),
    mtime: formatInstant(node.mtime),
    atime: formatInstant(node.atime),
    ctime: formatInstant(node.ctime),
    inode: node.inode === 0n ? undefined : String(node.inode),
  };
}
