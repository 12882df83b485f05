/**
 * Reads many trees with few requests. Trees of one backup lie together in packs of their own, so the second tree asked of a
 * pack fetches the pack whole, and the next hundreds come from memory. Bounded memory; blobs are verified each time.
 */

import type { BlobPlace } from '../blobs/kind.ts';
import { type BlobSource, loadBlob } from '../blobs/load.ts';
import { copyOf } from '../encoding/bytes.ts';
import { type BlobId, idBytes } from '../ids.ts';
import { openBlob } from '../pack/open-blob.ts';
import { Scratch } from '../scratch.ts';
import { parseTree } from './load.ts';
import type { TreeNode } from './node.ts';

/** Three packs of the usual size. */
const DEFAULT_CACHE_BYTES: number = 48 * 1024 * 1024;
/** A pack larger than this is not read whole. */
const MAX_WHOLE_BYTES: number = 32 * 1024 * 1024;

type CachedPack = Promise<Uint8Array | null>;

/** Loads trees through a cache of whole packs. One thread; calls may overlap. */
export class TreeReader {
  readonly #repo: BlobSource;
  readonly #cacheBytes: number;
  /** Packs by number, least recently used first; null where reading one whole did not work or does not pay. */
  readonly #packs: Map<number, { readonly bytes: CachedPack; size: number }> = new Map();
  readonly #seen: Set<number> = new Set();
  readonly #sealed = new Scratch();
  readonly #plain = new Scratch();

  constructor(repo: BlobSource, options: { readonly cacheBytes?: number } = {}) {
    this.#repo = repo;
    this.#cacheBytes = options.cacheBytes ?? DEFAULT_CACHE_BYTES;
  }

  /** Returns the nodes of a tree, verified. Throws as loadTree() does. */
  async load(id: BlobId, signal?: AbortSignal): Promise<TreeNode[]> {
    return parseTree(id, await this.loadBytes(id, signal));
  }

  /** Returns the bytes of a tree, verified, in memory of the caller. */
  loadBytes(id: BlobId, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#load(id, false, (bytes) => bytes, signal);
  }

  /** Gives the bytes of a tree, verified, to `read`, and returns what that returns. They are gone when it has returned. */
  lend<T>(id: BlobId, read: (bytes: Uint8Array) => T, signal?: AbortSignal): Promise<T> {
    return this.#load(id, true, read, signal);
  }

  async #load<T>(
    id: BlobId,
    lent: boolean,
    read: (bytes: Uint8Array) => T,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const raw = idBytes(id);
    const place = this.#repo.blobs.lookup('tree', raw);
    if (place !== null) {
      const pack = await this.#pack(place.pack);
      // From here on nothing waits, so that lent memory has one user at a time.
      const bytes = pack === null ? null : this.#open(pack, place, raw, lent);
      if (bytes !== null) return read(bytes);
    }
    return read(await loadBlob(this.#repo, 'tree', id, signal));
  }

  /** Returns a tree out of its pack; null if it is not whole there. */
  #open(pack: Uint8Array, place: BlobPlace, raw: Uint8Array, lent: boolean): Uint8Array | null {
    const { offset, length, uncompressedLength } = place;
    const end = offset + length;
    if (end > pack.length) return null;
    // A copy, since opening decrypts in place.
    const sealed = lent ? this.#sealed.copy(pack.subarray(offset, end)) : copyOf(pack, offset, end);
    const scratch = lent ? this.#plain.atLeast(uncompressedLength) : undefined;
    try {
      return openBlob(this.#repo.platform, this.#repo.sealer, sealed, uncompressedLength, raw, 0, scratch);
    } catch {
      // Other copies may be whole: the plain way tries them all and names what is wrong.
      return null;
    }
  }

  async #pack(pack: number): CachedPack {
    const cached = this.#packs.get(pack);
    if (cached !== undefined) {
      this.#packs.delete(pack);
      this.#packs.set(pack, cached);
      return cached.bytes;
    }
    if (!this.#seen.has(pack)) {
      this.#seen.add(pack);
      return null;
    }
    const entry = { bytes: this.#fetch(pack), size: 0 };
    this.#packs.set(pack, entry);
    const bytes = await entry.bytes;
    entry.size = bytes?.length ?? 0;
    this.#evict();
    return bytes;
  }

  async #fetch(pack: number): Promise<Uint8Array | null> {
    const handle = { type: 'data', name: this.#repo.blobs.packId(pack) } as const;
    try {
      if ((await this.#repo.backend.size(handle)) > Math.min(MAX_WHOLE_BYTES, this.#cacheBytes)) return null;
      return await this.#repo.backend.load(handle, undefined, { metadata: true });
    } catch {
      return null;
    }
  }

  #evict(): void {
    let total = 0;
    for (const { size } of this.#packs.values()) total += size;
    for (const [pack, { size }] of this.#packs) {
      if (total <= this.#cacheBytes) return;
      if (size === 0) continue;
      this.#packs.delete(pack);
      total -= size;
    }
  }
}
