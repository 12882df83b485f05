/**
 * Stores trees, on the calling thread: a tree's id is known at once, so that its parent need not wait; its bytes go into
 * the open tree pack, or wait for a slab. Trees and data never share a pack.
 */
import type { Memory, Platform } from '@hostark/kernels';
import { type BlobId, type BlobTable, blobIdFrom, idBytes } from '@hostark/repository';
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
  #memory: Memory | null = null;
  #waitingBytes = 0;
  #storing: Promise<void> | null = null;

  constructor(setup: EngineSetup, platform: Platform, blobs: BlobTable, slabs: SlabExchange, summary: SummaryCounter) {
    this.#platform = platform;
    this.#blobs = blobs;
    this.#packs = new PackFiller(setup, platform, 'tree', slabs);
    this.#summary = summary;
  }

  /** Returns the tree's id, and stores it unless it is known. `tree` belongs to the store unless it is lent for the call. */
  save(tree: Uint8Array, lent = false): BlobId {
    const memory = lent ? this.#lentMemory(tree) : this.#memoryAround(tree);
    const raw = this.#platform.sha256At(memory, tree.byteOffset, tree.length);
    // Before the next hash takes its place.
    const id = blobIdFrom(raw);
    if (this.#blobs.claim('tree', raw) === 'new' && (this.#storing !== null || !this.#put(raw, memory, tree))) {
      this.#waiting.push({ id: idBytes(id), tree: lent ? new Uint8Array(tree) : tree });
      this.#waitingBytes += tree.length;
      this.#storing ??= this.#storeWaiting();
    }
    return id;
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

  /** `memory`: all that the tree lies in. Returns false if it must wait. */
  #put(id: Uint8Array, memory: Memory, { byteOffset, length }: Uint8Array): boolean {
    const packed = this.#packs.put(id, memory, byteOffset, length);
    if (packed >= 0) this.#summary.tree(length, packed);
    return packed >= 0;
  }

  /** Returns all of the memory that a tree lies in. */
  #memoryAround({ buffer }: Uint8Array): Memory {
    return this.#platform.memory(new Uint8Array(buffer));
  }

  /** The same, which for most trees is that of the one before. */
  #lentMemory(tree: Uint8Array): Memory {
    if (this.#memory?.bytes.buffer !== tree.buffer) this.#memory = this.#memoryAround(tree);
    return this.#memory!;
  }

  #storeWaiting(): Promise<void> {
    const storing = (async () => {
      for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
        await this.#packs.turn(first.tree.length);
        let stored = 0;
        while (stored < this.#waiting.length) {
          const { id, tree } = this.#waiting[stored]!;
          if (!this.#put(id, this.#memoryAround(tree), tree)) break;
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
