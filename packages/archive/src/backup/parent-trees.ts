/**
 * The trees of the parent snapshot, read in the order of the walk. In a folder each is read where it lies. From afar a pack
 * that is asked for twice is fetched whole and kept for a while: trees of neighbouring directories lie side by side.
 */
import { dropPages, SEAL_OVERHEAD, withinSeal } from '@hostark/kernels';
import {
  type BlobId,
  type BlobPlace,
  idBytes,
  iterateTree,
  loadBlob,
  type Repository,
  Scratch,
  type TreeNode,
} from '@hostark/repository';
import { PackReader } from '../disk/pack-reader.ts';

/** A larger tree gets memory of its own: there are few of them, and they are kept anyway while their directories are walked. */
const MOST_LENT_BYTES = 1024 * 1024;
/** Sealed bytes of tree packs kept: about one pack of the default size. */
const KEPT_BYTES = 20 * 1024 * 1024;

/**
 * Entries of one directory of the parent, asked for in ascending order of names. Each is decoded when its turn comes, so
 * that a large directory costs its bytes and not its nodes.
 */
export class PreviousFolder {
  readonly #nodes: Iterator<TreeNode>;
  readonly #damaged: (error: unknown) => void;
  #node: TreeNode | null = null;
  #ended = false;

  /** `damaged` is told once if what follows is no tree; entries from there on count as new. */
  constructor(nodes: Iterable<TreeNode>, damaged: (error: unknown) => void) {
    this.#nodes = nodes[Symbol.iterator]();
    this.#damaged = damaged;
    this.#advance();
  }

  /** Returns the entry, or null if there was none. Names that are not in order may be missed, which costs only reading. */
  find(name: Uint8Array): TreeNode | null {
    while (this.#node !== null) {
      const order = Buffer.compare(this.#node.name, name);
      if (order === 0) return this.#node;
      if (order > 0) return null;
      this.#advance();
    }
    return null;
  }

  #advance(): void {
    this.#node = null;
    if (this.#ended) return;
    try {
      const { value, done } = this.#nodes.next();
      this.#ended = done === true;
      if (done !== true) this.#node = value;
    } catch (error) {
      this.#ended = true;
      this.#damaged(error);
    }
  }
}

/** Returns the entries of a tree, or of a directory that the parent does not have. `damaged`: see PreviousFolder. */
export function entriesOf(tree: PreviousTree | null, damaged: (error: unknown) => void): PreviousFolder {
  tree?.keep();
  return new PreviousFolder(tree === null ? [] : iterateTree(tree.bytes), damaged);
}

/** A tree of the parent. Its bytes are gone when the next one is loaded, unless they are kept. */
export class PreviousTree {
  readonly id: BlobId;
  #bytes: Uint8Array;
  #lent: boolean;

  constructor(id: BlobId, bytes: Uint8Array, lent: boolean) {
    this.id = id;
    this.#bytes = bytes;
    this.#lent = lent;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Keeps the bytes as long as this object. */
  keep(): void {
    if (this.#lent) this.#bytes = new Uint8Array(this.#bytes);
    this.#lent = false;
  }
}

/** What large trees are decompressed from is given back at once. */
const LEAST_DROPPED_BYTES: number = 256 * 1024;

/** To be closed. */
export class ParentTrees {
  readonly #repository: Repository;
  readonly #local: PackReader | null;
  /** Whole packs by number, in order of last use. */
  readonly #packs: Map<number, Uint8Array> = new Map();
  readonly #askedOnce: Set<number> = new Set();
  #keptBytes = 0;
  readonly #opened = new Scratch(MOST_LENT_BYTES);
  readonly #plain = new Scratch(MOST_LENT_BYTES);

  constructor(repository: Repository) {
    this.#repository = repository;
    const directory = repository.backend.traits?.localDirectory;
    this.#local = directory === undefined ? null : new PackReader(directory);
  }

  close(): void {
    this.#local?.close();
  }

  /** Returns a tree, lent until the next call, which is thereby known to be in the repository. Throws HostarkError if no copy can be read. */
  async load(id: BlobId): Promise<PreviousTree> {
    // Whatever goes wrong here, the careful way decides, and says what is wrong.
    const fast = await this.#fromPack(id).catch(() => null);
    if (fast !== null) return new PreviousTree(id, fast.bytes, fast.isLent);
    return new PreviousTree(id, await loadBlob(this.#repository, 'tree', id), false);
  }

  /** Returns the tree's plaintext out of its pack, lent where it is not in memory of its own; null if that is not the way to get it. */
  async #fromPack(tree: BlobId): Promise<{ bytes: Uint8Array; isLent: boolean } | null> {
    const { blobs, platform, sealer } = this.#repository;
    const id = idBytes(tree);
    const place = blobs.lookup('tree', id);
    if (place === null) return null;
    const sealed =
      this.#local === null ? await this.#inWholePack(place) : this.#local.read(blobs.packId(place.pack), place);
    if (sealed === null) return null;
    // What was read for this tree alone is decrypted in place.
    const opened = this.#local === null ? this.#opened.exactly(place.length - SEAL_OVERHEAD) : withinSeal(sealed);
    if (!sealer.open(sealed, opened)) return null;
    const size = place.uncompressedLength;
    const bytes = size === 0 ? opened : platform.zstdDecompress(opened, size, this.#plain.exactly(size));
    if (size !== 0 && opened.length >= LEAST_DROPPED_BYTES) dropPages(opened);
    if (Buffer.compare(platform.sha256(bytes), id) !== 0) return null;
    return { bytes, isLent: size === 0 || this.#plain.lends(bytes) };
  }

  async #inWholePack({ pack: number, offset, length }: BlobPlace): Promise<Uint8Array | null> {
    const pack = await this.#pack(number);
    return pack === null || offset + length > pack.length ? null : pack.subarray(offset, offset + length);
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
