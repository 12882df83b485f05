/** Writes a small repository through this package's own writers: what init, packs, index, trees and snapshot are worth. */
import { type Platform, SEAL_OVERHEAD } from '@hostark/kernels';
import { type Compression, storedForm } from '../../src/blobs/compress.ts';
import type { BlobKind } from '../../src/blobs/kind.ts';
import { publishPack } from '../../src/blobs/publish.ts';
import { utf8 } from '../../src/encoding/bytes.ts';
import { type Instant, localInstant, utcZone } from '../../src/encoding/time.ts';
import { type BlobId, blobIdFrom, type SnapshotId } from '../../src/ids.ts';
import { IndexWriter } from '../../src/index/writer.ts';
import { PackWriter } from '../../src/pack/writer.ts';
import type { Repository } from '../../src/repository.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { encodeTree } from '../../src/tree/encode.ts';
import { GO_MODE } from '../../src/tree/mode.ts';
import { type TreeNode, treeNode } from '../../src/tree/node.ts';

/** A cost that is right for tests alone. */
export const TINY_COST = { n: 2, r: 1, p: 1 } as const;

export const NOON: Instant = localInstant(1_700_000_000_123_456_789n, utcZone);

/** Stores blobs one after another; a pack is closed when the next blob does not fit `packBytes`. */
export class SampleWriter {
  readonly #repo: Repository;
  readonly #index: IndexWriter;
  readonly #packs: Readonly<Record<BlobKind, PackWriter>>;
  readonly #compression: Compression;

  constructor(
    repo: Repository,
    options: { packBytes?: number; compression?: Compression; maxIndexBlobs?: number } = {},
  ) {
    const { packBytes = 1 << 20, compression = 'auto', maxIndexBlobs } = options;
    this.#repo = repo;
    this.#compression = compression;
    this.#index = new IndexWriter(repo, maxIndexBlobs === undefined ? {} : { maxBlobs: maxIndexBlobs });
    const pack = (): PackWriter => new PackWriter(repo.platform, repo.sealer, new Uint8Array(packBytes));
    this.#packs = { data: pack(), tree: pack() };
  }

  async blob(kind: BlobKind, plain: Uint8Array): Promise<BlobId> {
    const { platform, blobs, version } = this.#repo;
    const raw = platform.sha256(plain);
    if (blobs.claim(kind, raw) === 'new') {
      const { stored, uncompressedLength } = storedForm(platform, version, kind, plain, this.#compression);
      const pack = this.#packs[kind];
      if (!pack.fits(stored.length, uncompressedLength)) await this.#close(kind);
      const taken = pack.add(kind, raw, stored, uncompressedLength);
      if (taken !== stored.length + SEAL_OVERHEAD) throw new Error(`a blob of ${stored.length} bytes took ${taken}`);
    }
    return blobIdFrom(raw);
  }

  async #close(kind: BlobKind): Promise<void> {
    const pack = this.#packs[kind];
    if (pack.blobCount === 0) return;
    const finished = pack.finish();
    await this.#repo.backend.save({ type: 'data', name: finished.id }, finished.bytes, { sha256: finished.sha256 });
    publishPack(this.#repo.blobs, finished);
    await this.#index.add(finished);
    pack.reset();
  }

  async tree(nodes: readonly TreeNode[]): Promise<BlobId> {
    return this.blob('tree', encodeTree(nodes));
  }

  /** Closes packs and index, then stores the snapshot. */
  async snapshot(tree: BlobId, fields: Partial<Snapshot> = {}): Promise<SnapshotId> {
    await this.#close('data');
    await this.#close('tree');
    await this.#index.flush();
    return this.#repo.snapshots().save(sampleSnapshot(tree, fields));
  }
}

export function sampleSnapshot(tree: BlobId, fields: Partial<Snapshot> = {}): Snapshot {
  return {
    time: NOON,
    parent: null,
    tree,
    paths: ['/srv/<a> & b'],
    hostname: 'web-1',
    username: 'root',
    uid: 0,
    gid: 0,
    excludes: [],
    tags: ['nightly'],
    original: null,
    programVersion: 'hostark 0.1.0',
    summary: null,
    ...fields,
  };
}

const FILE = { mode: 0o644, mtime: NOON, atime: NOON, ctime: NOON, inode: 2n ** 60n + 1n, deviceId: 64769n } as const;

export function fileNode(name: string | Uint8Array, content: readonly BlobId[], size: number): TreeNode {
  const bytes = typeof name === 'string' ? utf8(name) : name;
  return treeNode(bytes, 'file', { ...FILE, links: 1n, size: BigInt(size), content, user: 'root', group: 'root' });
}

export function dirNode(name: string, subtree: BlobId): TreeNode {
  return treeNode(utf8(name), 'dir', { ...FILE, mode: (GO_MODE.dir | 0o755) >>> 0, subtree });
}

/** Deterministic bytes that do not compress. */
export function noise(platform: Platform, seed: string, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(length / 32) * 32);
  for (let at = 0, block = platform.sha256(utf8(seed)); at < length; at += 32, block = platform.sha256(block)) {
    bytes.set(block, at);
  }
  return bytes.subarray(0, length);
}

/** The names that the sample's `names` directory holds: what quoting and escaping must get right, in bytewise order. */
export const SAMPLE_NAMES: readonly Uint8Array[] = [
  new Uint8Array([1, 7, 8, 9, 10, 11, 12, 13]),
  utf8(' space '),
  utf8('"quoted"'),
  utf8('<a&b>'),
  utf8('back\\slash\\x41'),
  utf8('new\nline'),
  utf8('plain.txt'),
  new Uint8Array([0x7f]),
  new Uint8Array([0xc0, 0x80, 0xff, 0x41, 0xed, 0xa0, 0x80]),
  utf8('\u00a0nbsp'),
  utf8('\u00fcml\u00e4ut'),
  utf8('\u2028\u2029'),
  utf8('\ufffdreal'),
  utf8('\u{1f600}'),
  utf8('\u{10fffd}'),
];

/** Writes the sample tree and returns its snapshot: two directories, odd names, shared and empty and large content. */
export async function writeSample(
  repo: Repository,
  options: ConstructorParameters<typeof SampleWriter>[1] = {},
): Promise<SnapshotId> {
  const writer = new SampleWriter(repo, options);
  const { platform } = repo;
  const text = utf8('all work and no play '.repeat(5000));
  const parts = [noise(platform, 'one', 300_000), noise(platform, 'two', 200_001), text];
  const content: BlobId[] = [];
  for (const part of parts) content.push(await writer.blob('data', part));
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const names: TreeNode[] = [];
  for (const [i, name] of SAMPLE_NAMES.entries()) {
    const small = utf8(`content of ${i}`);
    names.push(fileNode(name, [await writer.blob('data', small)], small.length));
  }
  const root = await writer.tree([
    fileNode('empty', [], 0),
    fileNode('large', content, total),
    treeNode(utf8('link'), 'symlink', {
      ...FILE,
      mode: (GO_MODE.symlink | 0o777) >>> 0,
      links: 1n,
      linkTarget: new Uint8Array([0x2f, 0xff]),
    }),
    dirNode('names', await writer.tree(names)),
    fileNode('text', [content[2]!], text.length),
    {
      ...fileNode('xattrs', [content[2]!], text.length),
      xattrs: [
        { name: 'user.b', value: new Uint8Array([0, 255]) },
        { name: 'user.a', value: new Uint8Array(0) },
      ],
    },
  ]);
  const smallBytes = SAMPLE_NAMES.reduce((sum, _, i) => sum + `content of ${i}`.length, 0);
  return writer.snapshot(root, {
    summary: {
      backupStart: NOON,
      backupEnd: NOON,
      filesNew: SAMPLE_NAMES.length + 4,
      filesChanged: 0,
      filesUnmodified: 0,
      dirsNew: 1,
      dirsChanged: 0,
      dirsUnmodified: 0,
      dataBlobs: 3 + SAMPLE_NAMES.length,
      treeBlobs: 2,
      dataAdded: total + smallBytes,
      dataAddedPacked: total + smallBytes,
      totalFilesProcessed: SAMPLE_NAMES.length + 4,
      totalBytesProcessed: total + smallBytes + 2 * text.length,
    },
  });
}
