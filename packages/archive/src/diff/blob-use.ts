/**
 * Which blobs two snapshots use: a byte for each entry of the blob table says where it was met. From that the blobs that
 * only one of them needs are counted, as restic's `diff` counts them.
 */
import { type BlobId, type BlobKind, type BlobTable, ID_BYTES, plainLength, writeIdBytes } from '@hostark/repository';

/** Where a blob was met: in the first snapshot, in the second, or in what they share. */
export const BEFORE = 1;
export const AFTER = 2;
export const SHARED: number = BEFORE | AFTER;
export type Side = typeof BEFORE | typeof AFTER | typeof SHARED;

/** Blobs that one side alone uses. */
export interface BlobCount {
  readonly dataBlobs: number;
  readonly treeBlobs: number;
  /** Plain bytes of both kinds. */
  readonly bytes: number;
}

export class BlobUses {
  readonly #blobs: BlobTable;
  readonly #sides: Uint8Array;
  /** Blobs that no index file lists: kind and id. */
  readonly #strangers: Map<string, number> = new Map();
  readonly #raw = new Uint8Array(ID_BYTES);

  constructor(blobs: BlobTable) {
    this.#blobs = blobs;
    this.#sides = new Uint8Array(blobs.entryCount);
  }

  /** Notes a use. */
  add(kind: BlobKind, id: BlobId, side: number): void {
    writeIdBytes(id, this.#raw);
    if (this.addRaw(kind, this.#raw, side)) return;
    const stranger = `${kind} ${id}`;
    this.#strangers.set(stranger, (this.#strangers.get(stranger) ?? 0) | side);
  }

  /** The same for raw bytes; returns false, and notes nothing, for a blob that no index file lists. */
  addRaw(kind: BlobKind, id: Uint8Array, side: number): boolean {
    const entry = this.#blobs.entry(kind, id);
    if (entry < 0 || entry >= this.#sides.length) return false;
    this.#sides[entry]! |= side;
    return true;
  }

  /** Whether some blob was met on one side only, so far. */
  get differ(): boolean {
    for (const side of this.#sides) if (side === BEFORE || side === AFTER) return true;
    return this.#strangers.size > 0;
  }

  /** Counts what was met on one side only. */
  count(side: typeof BEFORE | typeof AFTER): BlobCount {
    const count = { dataBlobs: 0, treeBlobs: 0, bytes: 0 };
    const add = (kind: string): number => (kind === 'data' ? count.dataBlobs++ : count.treeBlobs++);
    for (let entry = 0; entry < this.#sides.length; entry++) {
      if (this.#sides[entry] !== side) continue;
      const place = this.#blobs.placeOf(entry);
      add(this.#blobs.kindOf(entry));
      if (place !== null) count.bytes += plainLength(place);
    }
    for (const [name, met] of this.#strangers) if (met === side) add(name.slice(0, 4));
    return count;
  }

  /** Kind and id of blobs met on one side only that no index file lists: their size is not known. */
  get unlisted(): string[] {
    return [...this.#strangers].filter(([, met]) => met !== SHARED).map(([name]) => name);
  }
}
