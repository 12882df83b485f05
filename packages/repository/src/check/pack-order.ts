/**
 * The blob table sorted by packs: 4 bytes a blob, where objects for a million blobs would take hundreds of megabytes.
 * Lies in shared memory, so that threads that read packs need no lists sent to them.
 */
import type { BlobPlace } from '../blobs/kind.ts';
import type { BlobTable } from '../blobs/table.ts';

/** What another thread needs to attach. */
export interface SharedPackOrder {
  /** Where the entries of each pack start; one more number than there are packs. */
  readonly starts: SharedArrayBuffer;
  /** Entry numbers of the table. */
  readonly entries: SharedArrayBuffer;
}

/** A blob of a pack: its entry in the table and its place. */
export interface OrderedBlob extends BlobPlace {
  readonly entry: number;
}

export class PackOrder {
  readonly #blobs: BlobTable;
  readonly #shared: SharedPackOrder;
  readonly #starts: Uint32Array;
  readonly #entries: Uint32Array;

  private constructor(blobs: BlobTable, shared: SharedPackOrder) {
    this.#blobs = blobs;
    this.#shared = shared;
    this.#starts = new Uint32Array(shared.starts);
    this.#entries = new Uint32Array(shared.entries);
  }

  /** Sorts a table that does not change any more. */
  static of(blobs: BlobTable): PackOrder {
    const shared = new SharedArrayBuffer(4 * (blobs.packCount + 1));
    const starts = new Uint32Array(shared);
    blobs.forEachPlace(({ pack }) => {
      starts[pack + 1]!++;
    });
    for (let pack = 0; pack < blobs.packCount; pack++) starts[pack + 1]! += starts[pack]!;
    const order = new PackOrder(blobs, {
      starts: shared,
      entries: new SharedArrayBuffer(4 * starts[blobs.packCount]!),
    });
    const next = starts.slice();
    blobs.forEachPlace(({ pack }, entry) => {
      order.#entries[next[pack]!++] = entry;
    });
    return order;
  }

  /** Opens an order that another thread made, over its table. */
  static attach(blobs: BlobTable, shared: SharedPackOrder): PackOrder {
    return new PackOrder(blobs, shared);
  }

  /** Returns what attach() needs in another thread. */
  share(): SharedPackOrder {
    return this.#shared;
  }

  /** Returns the blobs of a pack in order of their offsets. */
  blobsOf(pack: number): OrderedBlob[] {
    const list: OrderedBlob[] = [];
    for (let i = this.#starts[pack]!; i < this.#starts[pack + 1]!; i++) {
      const entry = this.#entries[i]!;
      list.push({ entry, ...this.#blobs.placeOf(entry)! });
    }
    return list.sort((a, b) => a.offset - b.offset);
  }
}
