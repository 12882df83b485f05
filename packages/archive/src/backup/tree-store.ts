/**
 * Stores trees, on the calling thread: a tree's id is known at once, so that its parent need not wait; its bytes go into
 * the open tree pack as soon as there is a slab. Trees and data never share a pack.
 */
import { type Platform, SEAL_OVERHEAD } from '@hostark/kernels';
import { type BlobId, type BlobTable, blobIdFrom, PackWriter } from '@hostark/repository';
import type { EngineSetup } from '../pool/jobs.ts';
import type { Slab, SlabExchange } from '../pool/slabs.ts';
import type { SummaryCounter } from './summary.ts';

/** Trees are compressed whatever the user chose (restic does so, and check expects it of packs that prune rewrote). */
const LEVEL = 3;
/** Bytes of trees that wait for a slab before the walk waits too. */
const MAX_WAITING = 8 * 1024 * 1024;
const ENTRY_BYTES = 37;
const COMPRESSED_ENTRY_BYTES = 41;
const PACK_OVERHEAD = 36;

interface WaitingTree {
  readonly id: Uint8Array;
  readonly stored: Uint8Array;
  readonly uncompressedLength: number;
}

export class TreeStore {
  readonly #setup: EngineSetup;
  readonly #platform: Platform;
  readonly #blobs: BlobTable;
  readonly #slabs: SlabExchange;
  readonly #summary: SummaryCounter;
  readonly #waiting: WaitingTree[] = [];
  #waitingBytes = 0;
  #slab: Slab | null = null;
  #writer: PackWriter | null = null;
  #pump: Promise<void> | null = null;

  constructor(setup: EngineSetup, platform: Platform, blobs: BlobTable, slabs: SlabExchange, summary: SummaryCounter) {
    this.#setup = setup;
    this.#platform = platform;
    this.#blobs = blobs;
    this.#slabs = slabs;
    this.#summary = summary;
  }

  /** Returns the tree's id, and stores it unless it is known. `tree` is free again on return. */
  save(tree: Uint8Array): BlobId {
    const id = this.#platform.sha256(tree);
    if (this.#blobs.claim('tree', id) === 'known') return blobIdFrom(id);
    const compressed = this.#setup.repositoryVersion >= 2;
    const stored = compressed ? this.#platform.zstdCompress(tree, LEVEL) : tree;
    const uncompressedLength = compressed ? tree.length : 0;
    const entry = compressed ? COMPRESSED_ENTRY_BYTES : ENTRY_BYTES;
    this.#summary.tree(tree.length, stored.length + SEAL_OVERHEAD + entry);
    this.#waiting.push({ id, stored, uncompressedLength });
    this.#waitingBytes += stored.length;
    this.#drain();
    return blobIdFrom(id);
  }

  /** Null if more trees may come at once, else what to wait for. Rejects with what ends the backup. */
  room(): Promise<void> | null {
    return this.#waitingBytes > MAX_WAITING ? this.#pump : null;
  }

  /** Hands over the last pack. */
  async flush(): Promise<void> {
    while (this.#pump !== null) await this.#pump;
    this.#close(false);
  }

  /** Adds what fits the open pack; starts waiting for a slab if something is left. */
  #drain(): void {
    if (this.#pump !== null) return;
    this.#addWaiting();
    if (this.#waiting.length === 0) return;
    const pump = this.#takeSlabs();
    this.#pump = pump;
    // room() and flush() see the rejection; a backup that asks for neither has failed elsewhere.
    pump.catch(() => {});
  }

  async #takeSlabs(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        this.#close(true);
        this.#open(await this.#slabFor(this.#waiting[0]!));
        this.#addWaiting();
      }
    } finally {
      this.#pump = null;
    }
  }

  /** A directory of millions of entries may not fit any slab: its tree gets memory of its own, which nobody keeps. */
  async #slabFor(tree: WaitingTree): Promise<Slab> {
    const slab = await this.#slabs.take();
    const needed = tree.stored.length + SEAL_OVERHEAD + 2 * PACK_OVERHEAD + COMPRESSED_ENTRY_BYTES;
    if (needed <= slab.memory.length) return slab;
    return { index: slab.index, memory: new Uint8Array(new SharedArrayBuffer(needed)), lentFor: slab };
  }

  #open(slab: Slab): void {
    this.#slab = slab;
    if (this.#writer === null) {
      this.#writer = new PackWriter(this.#platform, this.#platform.sealer(this.#setup.key), slab.memory);
    } else this.#writer.reset(slab.memory);
  }

  #addWaiting(): void {
    let added = 0;
    for (const { id, stored, uncompressedLength } of this.#waiting) {
      if (this.#slab === null || !this.#writer!.fits(stored.length, uncompressedLength)) break;
      this.#writer!.add('tree', id, stored, uncompressedLength);
      this.#waitingBytes -= stored.length;
      added++;
      if (this.#writer!.length >= this.#setup.packSizeBytes) this.#close(true);
    }
    this.#waiting.splice(0, added);
  }

  #close(full: boolean): void {
    const slab = this.#slab;
    if (slab === null || this.#writer!.blobCount === 0) return;
    const { bytes, sha256, header } = this.#writer!.finish();
    if (full) this.#summary.packClosed(PACK_OVERHEAD);
    this.#slab = null;
    this.#slabs.give(slab, { length: bytes.length, sha256, header });
  }
}
