/**
 * Stores trees, on the calling thread: a tree's id is known at once, so that its parent need not wait; its bytes go into
 * the open tree pack, or wait for a slab. Trees and data never share a pack.
 */
import type { Platform } from '@hostark/kernels';
import { type BlobId, type BlobTable, blobIdFrom } from '@hostark/repository';
import type { EngineSetup } from '../pool/jobs.ts';
import { PackFiller } from '../pool/pack-filler.ts';
import type { SlabExchange } from '../pool/slabs.ts';
import type { SummaryCounter } from './summary.ts';

/** Bytes of trees that wait for a slab before the walk waits too. */
const MAX_WAITING = 8 * 1024 * 1024;

interface WaitingTree {
  readonly id: Uint8Array;
  readonly tree: Uint8Array;
}

export class TreeStore {
  readonly #platform: Platform;
  readonly #blobs: BlobTable;
  readonly #packs: PackFiller;
  readonly #summary: SummaryCounter;
  readonly #waiting: WaitingTree[] = [];
  #waitingBytes = 0;
  #storing: Promise<void> | null = null;

  constructor(setup: EngineSetup, platform: Platform, blobs: BlobTable, slabs: SlabExchange, summary: SummaryCounter) {
    this.#platform = platform;
    this.#blobs = blobs;
    this.#packs = new PackFiller(setup, platform, 'tree', slabs);
    this.#summary = summary;
  }

  /** Returns the tree's id, and stores it unless it is known. `tree` belongs to the store. */
  save(tree: Uint8Array): BlobId {
    const id = this.#platform.sha256(tree);
    if (this.#blobs.claim('tree', id) === 'new' && (this.#storing !== null || !this.#put(id, tree))) {
      this.#waiting.push({ id, tree });
      this.#waitingBytes += tree.length;
      this.#storing ??= this.#storeWaiting();
    }
    return blobIdFrom(id);
  }

  /** Null if more trees may come at once, else what to wait for. Rejects with what ends the backup. */
  room(): Promise<void> | null {
    return this.#waitingBytes > MAX_WAITING ? this.#storing : null;
  }

  /** Hands over the last pack. Rejects with what ends the backup. */
  async flush(): Promise<void> {
    while (this.#storing !== null) await this.#storing;
    await this.#packs.end();
    this.#summary.packsClosed(this.#packs.takeOverhead());
  }

  #put(id: Uint8Array, tree: Uint8Array): boolean {
    const packed = this.#packs.put(id, this.#platform.memory(tree), 0, tree.length);
    if (packed >= 0) this.#summary.tree(tree.length, packed);
    return packed >= 0;
  }

  #storeWaiting(): Promise<void> {
    const storing = (async () => {
      for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
        await this.#packs.turn(first.tree.length);
        let stored = 0;
        while (stored < this.#waiting.length) {
          const { id, tree } = this.#waiting[stored]!;
          if (!this.#put(id, tree)) break;
          this.#waitingBytes -= tree.length;
          stored++;
        }
        this.#waiting.splice(0, stored);
      }
      this.#storing = null;
    })();
    // room() and flush() see the rejection; a backup that asks for neither has failed elsewhere.
    storing.catch(() => {});
    return storing;
  }
}
