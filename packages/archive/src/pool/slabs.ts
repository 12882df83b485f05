/**
 * Slabs: the shared memory that packs are built in. A worker fills one, hands it over, and gets an empty one when there
 * is one: the fixed number of slabs bounds the memory and, where storage is slower than reading, the reading.
 */
import {
  dropPages,
  LARGE_PAGE_BYTES,
  largePagesOfSharedMemory,
  MAX_CHUNK,
  pagesOfSharedMemory,
} from '@hostark/kernels';
import type { SlabPack } from './jobs.ts';

/** Returns the room that a blob certainly has enough of: what zstd could not shrink, its seal, a pack header of one entry. */
export function roomFor(plainLength: number): number {
  return plainLength + (plainLength >> 6) + 4096;
}

export interface Slab {
  readonly index: number;
  readonly memory: Uint8Array;
  /** The slab whose turn this memory of unusual size uses up; it is empty meanwhile. */
  readonly lentFor?: Slab;
}

/** Where a pack builder gets memory and leaves packs. One builder each, if it takes pieces. */
export interface SlabExchange {
  /** Resolves with an empty slab. Rejects if the backup has ended. */
  take(): Promise<Slab>;
  /**
   * Hands over the next `length` bytes of the open pack, which goes on in another slab. Absent: a pack lies in one slab. The
   * slab is no longer the caller's.
   */
  piece?(slab: Slab, length: number): void;
  /** Hands over a finished pack, or what is left of it after its pieces. The slab is no longer the caller's. */
  give(slab: Slab, pack: SlabPack): void;
}

/** Room in a slab for a piece's header of many small blobs; what needs more gets an empty slab. */
const HEADER_ROOM = 1024 * 1024;

/** Returns the size of a slab for pieces of packs: what a piece has before it is full, and any chunk behind it. */
export function pieceSlabBytes(pieceBytes: number): number {
  return pieceBytes + roomFor(MAX_CHUNK) + HEADER_ROOM;
}

/** Returns how much of such a slab is worth keeping, in large pages: a piece, and a chunk behind it of usual size. */
export function keptOfPieceSlab(pieceBytes: number): number {
  return Math.ceil((pieceBytes + MAX_CHUNK / 4) / LARGE_PAGE_BYTES) * LARGE_PAGE_BYTES;
}

/** Returns the size of a slab for packs of `packSizeBytes`: every chunk has room in one, so that only trees outgrow it. */
export function slabBytes(packSizeBytes: number): number {
  return Math.max(packSizeBytes, roomFor(MAX_CHUNK));
}

export interface SlabMemory {
  /** What lies behind so many bytes of a slab, whole pages, is given back when it is empty: few need it. @default all is kept */
  readonly keptBytes?: number;
  /** Large pages, where the system has them: for slabs that a disk reads itself, or that are often touched anew. @default false */
  readonly large?: boolean;
}

/** A bounded set of slabs, made when first needed. Each begins at a page of memory. */
export class SlabPool {
  readonly #bytes: number;
  readonly #limit: number;
  readonly #keptBytes: number;
  readonly #make: (bytes: number) => Uint8Array;
  readonly #free: Slab[] = [];
  readonly #waiting: ((slab: Slab) => void)[] = [];
  #made = 0;

  constructor(bytes: number, limit: number, { keptBytes = bytes, large = false }: SlabMemory = {}) {
    this.#bytes = bytes;
    this.#limit = limit;
    this.#keptBytes = keptBytes;
    this.#make = large ? largePagesOfSharedMemory : pagesOfSharedMemory;
  }

  take(): Promise<Slab> {
    const free = this.#free.pop();
    if (free !== undefined) return Promise.resolve(free);
    if (this.#made < this.#limit) {
      return Promise.resolve({ index: this.#made++, memory: this.#make(this.#bytes) });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  release(used: Slab): void {
    const slab = used.lentFor ?? used;
    if (this.#keptBytes < slab.memory.length) dropPages(slab.memory.subarray(this.#keptBytes));
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slab);
    else next(slab);
  }
}
