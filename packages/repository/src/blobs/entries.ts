/**
 * The entries of the blob table, in columns of shared memory: an id of eight words, a place of four. Entries are added, and
 * their places filled in once; they are never moved and never taken away.
 */
import { ID_BYTES } from '../ids.ts';
import type { BlobKind, BlobPlace } from './kind.ts';
import { growable, Segments } from './shared-memory.ts';

/** 27 bits hold an entry's number plus one. */
export const ENTRY_BITS = 27;
const MAX_ENTRIES: number = 2 ** ENTRY_BITS - 2;

const SEGMENT_BITS = 15;
const SEGMENT_MASK: number = 2 ** SEGMENT_BITS - 1;
export const ID_WORDS = 8;
const PLACE_WORDS = 4;

// First word of a place: the kind in the sign bit, the pack's number below, or one of two marks.
const TREE_BIT: number = 0x80000000 | 0;
const PACK_MASK = 0x7fffffff;
/** In place of a pack: somebody is storing the blob. */
export const CLAIMED = 0x7fffffff;
const DEAD = 0x7ffffffe;
/** Numbers of packs are below this. */
export const FIRST_MARK: number = DEAD;

/** What another thread needs. */
export interface SharedEntries {
  readonly ids: SharedArrayBuffer;
  readonly places: SharedArrayBuffer;
}

export class BlobEntries {
  readonly #control: Int32Array;
  readonly #count: number;
  readonly #ids: Segments;
  readonly #places: Segments;

  /** `count`: the word of `control`, which threads share, that counts the entries. */
  constructor({ ids, places }: SharedEntries, control: Int32Array, count: number) {
    this.#control = control;
    this.#count = count;
    this.#ids = new Segments(ids, ID_WORDS << SEGMENT_BITS);
    this.#places = new Segments(places, PLACE_WORDS << SEGMENT_BITS);
  }

  /** Reserves memory for all the entries that there may be. */
  static share(): SharedEntries {
    const room = 2 ** ENTRY_BITS * 4;
    return { ids: growable(0, room * ID_WORDS), places: growable(0, room * PLACE_WORDS) };
  }

  /** Entries so far, void ones included. */
  get count(): number {
    return Atomics.load(this.#control, this.#count);
  }

  /** Adds an entry and returns its number. Throws RangeError when there are too many. */
  add(words: Int32Array, isTree: boolean, place: BlobPlace): number {
    const entry = Atomics.add(this.#control, this.#count, 1);
    if (entry >= MAX_ENTRIES) {
      Atomics.sub(this.#control, this.#count, 1);
      throw new RangeError(`blob table: more than ${MAX_ENTRIES} blobs`);
    }
    const segment = entry >> SEGMENT_BITS;
    this.#ids.reserve(segment);
    this.#places.reserve(segment);
    const ids = this.#ids.view(segment);
    // Word by word: set() costs more for so few.
    for (let i = 0, at = (entry & SEGMENT_MASK) * ID_WORDS; i < ID_WORDS; i++) ids[at + i] = words[i]!;
    this.#fill(entry, isTree, place);
    return entry;
  }

  /** Voids an entry that nobody has found yet. */
  kill(entry: number): void {
    Atomics.store(this.#places.view(entry >> SEGMENT_BITS), (entry & SEGMENT_MASK) * PLACE_WORDS, DEAD);
  }

  isDead(entry: number): boolean {
    return (this.#places.view(entry >> SEGMENT_BITS)[(entry & SEGMENT_MASK) * PLACE_WORDS]! & PACK_MASK) === DEAD;
  }

  /** Whether an entry is there, not void, and of this blob. */
  isOf(entry: number, words: Int32Array, isTree: boolean): boolean {
    if (entry >= this.count) return false;
    const ids = this.#ids.view(entry >> SEGMENT_BITS);
    const base = (entry & SEGMENT_MASK) * ID_WORDS;
    for (let i = 0; i < ID_WORDS; i++) if (ids[base + i] !== words[i]) return false;
    const place = this.#places.view(entry >> SEGMENT_BITS)[(entry & SEGMENT_MASK) * PLACE_WORDS]!;
    return place < 0 === isTree && (place & PACK_MASK) !== DEAD;
  }

  /** Returns whether an entry of the same blob makes a new one needless; completes a claim on the way. */
  settles(entry: number, isTree: boolean, place: BlobPlace): boolean {
    if (place.pack === CLAIMED) return true;
    const view = this.#places.view(entry >> SEGMENT_BITS);
    const base = (entry & SEGMENT_MASK) * PLACE_WORDS;
    const there = Atomics.load(view, base) & PACK_MASK;
    if (there !== CLAIMED) return there === place.pack && view[base + 1] === (place.offset | 0);
    this.#fill(entry, isTree, place);
    return true;
  }

  isStored(entry: number): boolean {
    const view = this.#places.view(entry >> SEGMENT_BITS);
    return (Atomics.load(view, (entry & SEGMENT_MASK) * PLACE_WORDS) & PACK_MASK) < DEAD;
  }

  /** Returns the first entry from `from` on that was claimed and is not stored, or -1. */
  firstClaimed(from: number): number {
    const { count } = this;
    for (let entry = from; entry < count; entry++) {
      const word = Atomics.load(this.#places.view(entry >> SEGMENT_BITS), (entry & SEGMENT_MASK) * PLACE_WORDS);
      if ((word & PACK_MASK) === CLAIMED) return entry;
    }
    return -1;
  }

  placeOf(entry: number): BlobPlace | null {
    const view = this.#places.view(entry >> SEGMENT_BITS);
    const base = (entry & SEGMENT_MASK) * PLACE_WORDS;
    const pack = Atomics.load(view, base) & PACK_MASK;
    if (pack >= DEAD) return null;
    return {
      pack,
      offset: view[base + 1]! >>> 0,
      length: view[base + 2]! >>> 0,
      uncompressedLength: view[base + 3]! >>> 0,
    };
  }

  kindOf(entry: number): BlobKind {
    const word = Atomics.load(this.#places.view(entry >> SEGMENT_BITS), (entry & SEGMENT_MASK) * PLACE_WORDS);
    return word < 0 ? 'tree' : 'data';
  }

  idOf(entry: number, out: Uint8Array, at: number): void {
    const view = this.#ids.view(entry >> SEGMENT_BITS);
    const base = (entry & SEGMENT_MASK) * ID_WORDS;
    for (let i = 0; i < ID_BYTES; i++) out[at + i] = view[base + (i >> 2)]! >>> (24 - 8 * (i & 3));
  }

  /** Returns the first or second word of an entry's id. */
  idWord(entry: number, word: 0 | 1): number {
    return this.#ids.view(entry >> SEGMENT_BITS)[(entry & SEGMENT_MASK) * ID_WORDS + word]!;
  }

  #fill(entry: number, isTree: boolean, { pack, offset, length, uncompressedLength }: BlobPlace): void {
    const view = this.#places.view(entry >> SEGMENT_BITS);
    const base = (entry & SEGMENT_MASK) * PLACE_WORDS;
    view[base + 1] = offset;
    view[base + 2] = length;
    view[base + 3] = uncompressedLength;
    // Last: whoever sees the pack sees the rest.
    Atomics.store(view, base, isTree ? TREE_BIT | pack : pack);
  }
}
