/**
 * Stores chunks of files that nobody has yet: hash, ask the shared table, put into the open pack. One visit per chunk,
 * while it is in the cache. One store per engine.
 */
import type { Memory, Platform } from '@hostark/kernels';
import { BlobTable } from '@hostark/repository';
import type { EngineSetup, StoredCounts } from './jobs.ts';
import { PackFiller, packedBytes } from './pack-filler.ts';
import type { SlabExchange } from './slabs.ts';

/** Receives the id of each chunk; copies it before it returns. */
export interface ChunkIds {
  chunk(id: Uint8Array): void;
}

export class ChunkStore {
  readonly #blobs: BlobTable;
  readonly #packs: PackFiller;
  /** Of MIN_CHUNK zeros. */
  #zeroId: Uint8Array | null = null;
  #counts: StoredCounts = { dataBlobs: 0, dataAdded: 0, dataAddedPacked: 0 };

  constructor(setup: EngineSetup, platform: Platform, slabs: SlabExchange) {
    this.#blobs = BlobTable.attach(setup.blobs);
    this.#packs = new PackFiller(setup, platform, 'data', slabs);
  }

  /**
   * Stores one chunk of a file, `length` bytes from `at` on, unless it is known, and tells `ids` its id. Returns a promise
   * only if it must wait; until then the chunk stays where it is. `zeros`: it is MIN_CHUNK zeros.
   */
  store(plain: Memory, at: number, length: number, ids: ChunkIds, zeros = false): Promise<void> | undefined {
    const id = (zeros ? this.#zeroId : null) ?? this.#packs.idOf(plain, at, length);
    if (zeros) this.#zeroId ??= new Uint8Array(id);
    ids.chunk(id);
    if (this.#blobs.claim('data', id) === 'known') return undefined;
    const packed = this.#packs.put(id, plain, at, length);
    if (packed < 0) return this.#storeInNext(new Uint8Array(id), plain, at, length);
    this.#count(length, packed);
    return undefined;
  }

  /** Returns whether nobody has the blob: then the caller must store it. */
  claim(id: Uint8Array): boolean {
    return this.#blobs.claim('data', id) === 'new';
  }

  /**
   * Stores a chunk that the caller has claimed, and seals itself: returns where it belongs, or -1, as PackFiller.reserve(), to whose
   * rules the caller keeps. `isFrame`: what is sealed is a frame of it.
   */
  reserve(id: Uint8Array, plainLength: number, sealedLength: number, isFrame: boolean): number {
    const frameOf = isFrame ? plainLength : 0;
    const at = this.#packs.reserve(id, sealedLength, frameOf);
    if (at >= 0) this.#count(plainLength, packedBytes(sealedLength, frameOf));
    return at;
  }

  /** Stores one as it is, neither compressed nor sealed by the caller; after makeRoom() for it. */
  storeAsIs(id: Uint8Array, plain: Memory, at: number, length: number): void {
    this.#count(length, this.#packs.putAsIs(id, plain, at, length));
  }

  get packs(): Pick<PackFiller, 'buffer' | 'hashLater' | 'makeRoom' | 'level' | 'wantsFrame'> {
    return this.#packs;
  }

  /** Hands over the open pack, if there is something in it. */
  flush(): Promise<void> {
    return this.#packs.end();
  }

  /** Returns what was stored since the last call. */
  takeCounts(): StoredCounts {
    const counts = this.#counts;
    counts.dataAddedPacked += this.#packs.takeOverhead();
    this.#counts = { dataBlobs: 0, dataAdded: 0, dataAddedPacked: 0 };
    return counts;
  }

  async #storeInNext(id: Uint8Array, plain: Memory, at: number, length: number): Promise<void> {
    await this.#packs.turn(length);
    this.#count(length, this.#packs.put(id, plain, at, length));
  }

  #count(plainBytes: number, packedBytes: number): void {
    this.#counts.dataBlobs++;
    this.#counts.dataAdded += plainBytes;
    this.#counts.dataAddedPacked += packedBytes;
  }
}
