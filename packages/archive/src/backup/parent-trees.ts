/**
 * The trees of the parent snapshot, read in the order of the walk. Trees of neighbouring directories lie side by side in
 * tree packs, so a pack that is asked for twice is fetched whole and kept for a while.
 */
import { type BlobId, decodeTree, idBytes, loadBlob, type Repository, type TreeNode } from '@hostark/repository';

/** Sealed bytes of tree packs kept: about one pack of the default size. */
const KEPT_BYTES = 20 * 1024 * 1024;

/** Entries of one directory of the parent, asked for in ascending order of names. */
export class PreviousFolder {
  readonly #nodes: readonly TreeNode[];
  #at = 0;

  constructor(nodes: readonly TreeNode[]) {
    this.#nodes = nodes;
  }

  /** Returns the entry, or null if there was none. Names that are not in order may be missed, which costs only reading. */
  find(name: Uint8Array): TreeNode | null {
    const nodes = this.#nodes;
    while (this.#at < nodes.length) {
      const node = nodes[this.#at]!;
      const order = Buffer.compare(node.name, name);
      if (order === 0) return node;
      if (order > 0) return null;
      this.#at++;
    }
    return null;
  }
}

/** A directory that the parent does not have. */
export function noPrevious(): PreviousFolder {
  return new PreviousFolder([]);
}

export class ParentTrees {
  readonly #repository: Repository;
  /** Whole packs by number, in order of last use. */
  readonly #packs: Map<number, Uint8Array> = new Map();
  readonly #askedOnce: Set<number> = new Set();
  #keptBytes = 0;

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  /** Returns the entries of a tree. Throws HostarkError if it cannot be read from any copy. */
  async load(tree: BlobId): Promise<PreviousFolder> {
    const bytes = (await this.#fromPack(tree)) ?? (await loadBlob(this.#repository, 'tree', tree));
    return new PreviousFolder(decodeTree(bytes));
  }

  /** Returns the tree's plaintext out of a whole pack, or null if that is not the way to get it. */
  async #fromPack(tree: BlobId): Promise<Uint8Array | null> {
    const { blobs, platform, sealer } = this.#repository;
    const id = idBytes(tree);
    const place = blobs.lookup('tree', id);
    if (place === null) return null;
    const pack = await this.#pack(place.pack);
    if (pack === null || place.offset + place.length > pack.length) return null;
    const sealed = pack.subarray(place.offset, place.offset + place.length);
    const opened = new Uint8Array(place.length - 32);
    if (!sealer.open(sealed, opened)) return null;
    const plain = place.uncompressedLength === 0 ? opened : platform.zstdDecompress(opened, place.uncompressedLength);
    return Buffer.compare(platform.sha256(plain), id) === 0 ? plain : null;
  }

  async #pack(number: number): Promise<Uint8Array | null> {
    const kept = this.#packs.get(number);
    if (kept !== undefined) {
      this.#packs.delete(number);
      this.#packs.set(number, kept);
      return kept;
    }
    if (!this.#askedOnce.has(number)) {
      this.#askedOnce.add(number);
      return null;
    }
    const handle = { type: 'data', name: this.#repository.blobs.packId(number) } as const;
    const bytes = await this.#repository.backend.load(handle, undefined, { metadata: true });
    this.#packs.set(number, bytes);
    this.#keptBytes += bytes.length;
    for (const [old, dropped] of this.#packs) {
      if (this.#keptBytes <= KEPT_BYTES || old === number) break;
      this.#packs.delete(old);
      this.#keptBytes -= dropped.length;
    }
    return bytes;
  }
}
