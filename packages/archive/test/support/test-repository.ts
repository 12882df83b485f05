/** A repository made to order: trees and packs exactly as a test wants them, also such as no backup would write. */
import { nodePlatform, type Platform } from '@hostark/kernels';
import {
  type Backend,
  type BlobId,
  type BlobKind,
  blobIdFrom,
  encodeTree,
  initRepository,
  memoryBackend,
  type PackId,
  PackWriter,
  publishPack,
  type Repository,
  storedForm,
  type TreeNode,
  treeNode,
} from '@hostark/repository';

/** A cost that is right for tests alone. */
const TINY_COST = { n: 2, r: 1, p: 1 } as const;

export const SECOND = 1_000_000_000n;
/** When everything in these trees was last changed. */
export const MTIME_NS = 1_600_000_000_123_456_789n;

export class TestRepository {
  readonly repository: Repository;
  readonly platform: Platform;
  /** The id of every pack closed so far. */
  readonly packs: PackId[] = [];
  readonly #buffers: Record<BlobKind, PackWriter>;

  private constructor(repository: Repository) {
    this.repository = repository;
    this.platform = repository.platform;
    const writer = (): PackWriter => new PackWriter(this.platform, repository.sealer, new Uint8Array(40 << 20));
    this.#buffers = { data: writer(), tree: writer() };
  }

  static async create(backend: Backend = memoryBackend()): Promise<TestRepository> {
    const platform = nodePlatform();
    return new TestRepository(await initRepository(backend, { password: 'p', platform, cost: TINY_COST }));
  }

  /** Adds a blob to the open pack of its kind. `again` stores a second copy of one that is known. */
  blob(kind: BlobKind, plain: Uint8Array, again = false): BlobId {
    const raw = this.platform.sha256(plain);
    if (again || this.repository.blobs.claim(kind, raw) === 'new') {
      const { stored, uncompressedLength } = storedForm(this.platform, 2, kind, plain);
      this.#buffers[kind].add(kind, raw, stored, uncompressedLength);
    }
    return blobIdFrom(raw);
  }

  /** Stores the open packs; what was added before can be read afterwards. */
  async closePacks(): Promise<void> {
    for (const kind of ['data', 'tree'] as const) {
      const writer = this.#buffers[kind];
      if (writer.blobCount === 0) continue;
      const finished = writer.finish();
      await this.repository.backend.save({ type: 'data', name: finished.id }, finished.bytes.slice());
      publishPack(this.repository.blobs, finished);
      this.packs.push(finished.id);
      writer.reset();
    }
  }

  /** A file whose content is the given blobs. */
  file(name: string | Uint8Array, chunks: readonly Uint8Array[], fields: Partial<TreeNode> = {}): TreeNode {
    const content = chunks.map((chunk) => this.blob('data', chunk));
    const size = BigInt(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    return node(name, 'file', { mode: 0o644, links: 1n, size, content, ...fields });
  }

  dir(name: string | Uint8Array, nodes: readonly TreeNode[], fields: Partial<TreeNode> = {}): TreeNode {
    return node(name, 'dir', { mode: 0x80000000 + 0o755, subtree: this.tree(nodes), ...fields });
  }

  /** Sorted as it must be; `unsorted` keeps the order, for trees that nobody should write. */
  tree(nodes: readonly TreeNode[], unsorted = false): BlobId {
    if (unsorted) return this.blob('tree', joinTrees(nodes));
    return this.blob('tree', encodeTree([...nodes].sort((a, b) => Buffer.compare(a.name, b.name))));
  }
}

/** The encoder refuses what is not in order; so each node is encoded alone and the texts are joined. */
function joinTrees(nodes: readonly TreeNode[]): Uint8Array {
  const texts = nodes.map((each) => {
    const text = Buffer.from(encodeTree([each])).toString('latin1');
    return text.slice('{"nodes":['.length, -']}\n'.length);
  });
  return Buffer.from(`{"nodes":[${texts.join(',')}]}\n`, 'latin1');
}

/** A node of this process's owner, so that restores need no privileges. */
export function node(name: string | Uint8Array, type: TreeNode['type'], fields: Partial<TreeNode> = {}): TreeNode {
  const time = { ns: MTIME_NS, offsetMinutes: 0 };
  return treeNode(typeof name === 'string' ? Buffer.from(name) : name, type, {
    mtime: time,
    atime: time,
    ctime: time,
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
    ...fields,
  });
}

export function symlink(name: string, target: string): TreeNode {
  return node(name, 'symlink', { mode: 0x08000000 + 0o777, links: 1n, linkTarget: Buffer.from(target) });
}

/** Reproducible bytes that do not compress. */
export function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}
