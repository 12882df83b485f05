/**
 * Stores chunks of files that nobody has yet: hash, ask the shared table, put into the open pack. One visit per chunk,
 * while it is in the cache. One store per engine.
 */
import type { Platform } from '@hostark/kernels';
import { BlobTable } from '@hostark/repository';
import type { EngineSetup, StoredCounts } from './jobs.ts';
import { PackFiller } from './pack-filler.ts';
import type { SlabExchange } from './slabs.ts';

/** Receives the id of each chunk; copies it before it returns. */
export interface ChunkIds {
  chunk(id: Uint8Array): void;
}

export class ChunkStore {
  readonly #platform: Platform;
  readonly #blobs: BlobTable;
  readonly #packs: PackFiller;
  #counts: StoredCounts = { dataBlobs: 0, dataAdded: 0, dataAddedPacked: 0 };

  constructor(setup: EngineSetup, platform: Platform, slabs: SlabExchange) {
    this.#platform = platform;
    this.#blobs = BlobTable.attach(setup.blobs);
    this.#packs = new PackFiller(setup, platform, 'data', slabs);
  }

  /** Stores one chunk of a file unless it is known, and tells `ids` its id. Returns a promise only if it must wait. */
  store(plain: Uint8Array, ids: ChunkIds): Promise<void> | void {
    const id = this.#platform.sha256(plain);
    ids.chunk(id);
    if (this.#blobs.claim('data', id) === 'known') return;
    const packed = this.#packs.put(id, plain);
    if (packed < 0) return this.#storeInNext(id, plain);
    this.#count(plain.length, packed);
  }

  /** Hands over the open pack, if there is something in it. */
  flush(): void {
    this.#packs.close(false);
  }

  /** Returns what was stored since the last call. */
  takeCounts(): StoredCounts {
    const counts = this.#counts;
    counts.dataAddedPacked += this.#packs.takeOverhead();
    this.#counts = { dataBlobs: 0, dataAdded: 0, dataAddedPacked: 0 };
    return counts;
  }

  async #storeInNext(id: Uint8Array, plain: Uint8Array): Promise<void> {
    await this.#packs.turn(plain.length);
    this.#count(plain.length, this.#packs.put(id, plain));
  }

  #count(plainBytes: number, packedBytes: number): void {
    this.#counts.dataBlobs++;
    this.#counts.dataAdded += plainBytes;
    this.#counts.dataAddedPacked += packedBytes;
  }
}
