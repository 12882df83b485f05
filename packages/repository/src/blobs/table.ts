/**
 * Which blobs a repository holds, and where: one open-addressing table in shared memory for all threads.
 * A blob takes 48 bytes plus 6 to 12 bytes of slots. Lookups take no lock; claims and insertions use one compare-and-swap
 * inside a gate that only a doubling of the slots closes. Nothing is ever removed.
 *
 * A slot holds five bits of the id (so that most strangers are passed without touching their entry) and an entry's number
 * plus one. Copies of one blob in several packs are entries of their own, further along the same probe path, in order
 * of insertion. Growing never moves entries, so entry numbers stay valid for the life of the table.
 */
import { BLOB_RECORD } from '@hostark/kernels';
import { ID_BYTES, type PackId, packIdFrom } from '../ids.ts';
import { Gate } from './gate.ts';
import type { BlobKind, BlobPlace } from './kind.ts';
import { growable, growTo, Segments } from './shared-memory.ts';

/** What another thread needs to attach: pass it by postMessage or workerData. */
export interface SharedBlobTable {
  readonly control: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
  readonly ids: SharedArrayBuffer;
  readonly places: SharedArrayBuffer;
  readonly packs: SharedArrayBuffer;
}

// Words of the control array.
const EPOCH = 0;
const WRITERS = 1;
const ENTRIES = 2;
const SLOTS = 3;
const PACKS = 4;
const DEAD_ENTRIES = 5;
const CONTROL_WORDS = 16;

/** 27 bits of a slot hold an entry's number plus one. */
const ENTRY_BITS = 27;
const ENTRY_MASK = 2 ** ENTRY_BITS - 1;
const MAX_ENTRIES = ENTRY_MASK;
const MAX_SLOTS = 2 ** 28;
const MAX_PACKS = 2 ** 24;
const FIRST_SLOTS = 2 ** 12;

const SEGMENT_BITS = 15;
const SEGMENT_MASK = 2 ** SEGMENT_BITS - 1;
const ID_WORDS = 8;
const PLACE_WORDS = 4;

// First word of a place: the kind in the sign bit, the pack's number below, or one of two marks.
const TREE_BIT = 0x80000000 | 0;
const PACK_MASK = 0x7fffffff;
const CLAIMED = 0x7fffffff;
const DEAD = 0x7ffffffe;

// What an insertion came to: nothing, an entry, an entry that makes the slots too few.
const NOT_ADDED = 0;
const ADDED = 1;
const CROWDED = 2;

/** The shared table of blobs. One instance per thread over the same memory; see share() and attach(). */
export class BlobTable {
  readonly #shared: SharedBlobTable;
  readonly #control: Int32Array;
  readonly #gate: Gate;
  readonly #ids: Segments;
  readonly #places: Segments;
  readonly #words = new Int32Array(ID_WORDS);
  /** Numbers of packs by id; only the thread that made the table adds packs. */
  readonly #packNumbers: Map<string, number> | null;
  #epoch = -1;
  #slots: Int32Array = new Int32Array(0);

  private constructor(shared: SharedBlobTable, owner: boolean) {
    this.#shared = shared;
    this.#control = new Int32Array(shared.control);
    this.#gate = new Gate(this.#control, EPOCH, WRITERS);
    this.#ids = new Segments(shared.ids, ID_WORDS << SEGMENT_BITS);
    this.#places = new Segments(shared.places, PLACE_WORDS << SEGMENT_BITS);
    this.#packNumbers = owner ? new Map() : null;
  }

  /** Makes an empty table. The calling thread owns it: it alone adds packs. */
  static create(): BlobTable {
    const shared: SharedBlobTable = {
      control: new SharedArrayBuffer(CONTROL_WORDS * 4),
      slots: growable(FIRST_SLOTS * 4, MAX_SLOTS * 4),
      ids: growable(0, 2 ** ENTRY_BITS * ID_WORDS * 4),
      places: growable(0, 2 ** ENTRY_BITS * PLACE_WORDS * 4),
      packs: growable(0, MAX_PACKS * ID_BYTES),
    };
    new Int32Array(shared.control)[SLOTS] = FIRST_SLOTS;
    return new BlobTable(shared, true);
  }

  /** Opens a table that another thread made. */
  static attach(shared: SharedBlobTable): BlobTable {
    return new BlobTable(shared, false);
  }

  /** Returns what attach() needs in another thread. */
  share(): SharedBlobTable {
    return this.#shared;
  }

  /** Entries so far, claimed ones and copies included. Entry numbers are below this. */
  get entryCount(): number {
    return Atomics.load(this.#control, ENTRIES);
  }

  /** Number of packs added. */
  get packCount(): number {
    return Atomics.load(this.#control, PACKS);
  }

  /** Bytes of memory mapped. */
  get byteLength(): number {
    const { control, slots, ids, places, packs } = this.#shared;
    return control.byteLength + slots.byteLength + ids.byteLength + places.byteLength + packs.byteLength;
  }

  /** Registers a pack by its raw id and returns its number; the same id gives the same number. Owner thread only. */
  addPack(id: Uint8Array, at = 0): number {
    if (this.#packNumbers === null) throw new TypeError('blob table: only the thread that made it adds packs');
    const hex = packIdFrom(id, at);
    const known = this.#packNumbers.get(hex);
    if (known !== undefined) return known;
    const number = this.#packNumbers.size;
    if (number >= MAX_PACKS) throw new RangeError(`blob table: more than ${MAX_PACKS} packs`);
    // Whole steps of 1024 packs keep the number of growths low.
    growTo(this.#shared.packs, ((number >> 10) + 1) * 1024 * ID_BYTES);
    new Uint8Array(this.#shared.packs, number * ID_BYTES, ID_BYTES).set(id.subarray(at, at + ID_BYTES));
    this.#packNumbers.set(hex, number);
    Atomics.store(this.#control, PACKS, number + 1);
    return number;
  }

  /** Returns the number of a pack, or null if it was not added. Owner thread only. */
  packNumber(id: PackId): number | null {
    if (this.#packNumbers === null) throw new TypeError('blob table: only the thread that made it finds packs by id');
    return this.#packNumbers.get(id) ?? null;
  }

  /** Returns the id of a pack by its number. */
  packId(pack: number): PackId {
    if (pack < 0 || pack >= this.packCount) throw new RangeError(`blob table: no pack ${pack}`);
    return packIdFrom(new Uint8Array(this.#shared.packs, pack * ID_BYTES, ID_BYTES));
  }

  /** Returns whether a blob is stored or claimed by some thread. `id` holds 32 raw bytes at `at`. */
  has(kind: BlobKind, id: Uint8Array, at = 0): boolean {
    return this.entry(kind, id, at) >= 0;
  }

  /** Returns the entry number of the first copy of a blob, stored or claimed, or -1. */
  entry(kind: BlobKind, id: Uint8Array, at = 0): number {
    this.#load(id, at);
    return this.#search(kind, false);
  }

  /** Returns the place of a stored blob (the first copy), or null when it is unknown or only claimed. */
  lookup(kind: BlobKind, id: Uint8Array, at = 0): BlobPlace | null {
    this.#load(id, at);
    const entry = this.#search(kind, true);
    return entry < 0 ? null : this.placeOf(entry);
  }

  /** Returns all places of a stored blob, in order of insertion; none when it is unknown or only claimed. */
  lookupAll(kind: BlobKind, id: Uint8Array, at = 0): BlobPlace[] {
    this.#load(id, at);
    for (;;) {
      const epoch = this.#enterRead();
      const places: BlobPlace[] = [];
      this.#walk(kind, (entry) => {
        const place = this.placeOf(entry);
        if (place !== null) places.push(place);
        return false;
      });
      if (this.#gate.unchanged(epoch)) return places;
    }
  }

  /** Returns the place of an entry, or null when it is claimed and not stored yet, or void. */
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

  /** Returns the first entry from `from` on that was claimed and is not stored, or -1. */
  firstClaimed(from: number): number {
    const count = this.entryCount;
    for (let entry = from; entry < count; entry++) {
      const word = Atomics.load(this.#places.view(entry >> SEGMENT_BITS), (entry & SEGMENT_MASK) * PLACE_WORDS);
      if ((word & PACK_MASK) === CLAIMED) return entry;
    }
    return -1;
  }

  /** Returns the kind of an entry. */
  kindOf(entry: number): BlobKind {
    const word = Atomics.load(this.#places.view(entry >> SEGMENT_BITS), (entry & SEGMENT_MASK) * PLACE_WORDS);
    return word < 0 ? 'tree' : 'data';
  }

  /** Writes the raw id of an entry into `out` at `at`. */
  idOf(entry: number, out: Uint8Array, at = 0): void {
    const view = this.#ids.view(entry >> SEGMENT_BITS);
    const base = (entry & SEGMENT_MASK) * ID_WORDS;
    for (let i = 0; i < ID_BYTES; i++) out[at + i] = view[base + (i >> 2)]! >>> (24 - 8 * (i & 3));
  }

  /** Calls `visit` for every stored copy of every blob. `id` is valid until `visit` returns. */
  forEach(visit: (kind: BlobKind, id: Uint8Array, place: BlobPlace, entry: number) => void): void {
    const id = new Uint8Array(ID_BYTES);
    this.forEachPlace((place, entry) => {
      this.idOf(entry, id);
      visit(this.kindOf(entry), id, place, entry);
    });
  }

  /** The same for who needs no id. */
  forEachPlace(visit: (place: BlobPlace, entry: number) => void): void {
    const count = this.entryCount;
    for (let entry = 0; entry < count; entry++) {
      const place = this.placeOf(entry);
      if (place !== null) visit(place, entry);
    }
  }

  /**
   * Claims a blob for the calling thread: 'new' says that nobody had it and the caller must now store it; 'known' that it
   * is stored or being stored. Of all threads that ask for one blob, exactly one is told 'new'.
   */
  claim(kind: BlobKind, id: Uint8Array, at = 0): 'new' | 'known' {
    this.#load(id, at);
    if (this.#search(kind, false) >= 0) return 'known';
    return this.#add(kind, CLAIMED, 0, 0, 0) ? 'new' : 'known';
  }

  /**
   * Records where a blob is stored. Completes a claim if there is one; else the place becomes a further copy. A place that
   * is known already changes nothing. Call it only after the pack is durable.
   */
  publish(kind: BlobKind, id: Uint8Array, at: number, place: BlobPlace): void {
    this.#load(id, at);
    if (place.pack >= DEAD) throw new RangeError(`blob table: no pack ${place.pack}`);
    this.#add(kind, place.pack, place.offset, place.length, place.uncompressedLength);
  }

  /** The same for `count` records of an index file (BLOB_RECORD of the kernels), all of one pack; many times faster. */
  publishRecords(records: Int32Array, count: number, pack: number): void {
    if (pack >= DEAD) throw new RangeError(`blob table: no pack ${pack}`);
    const words = this.#words;
    for (let next = 0; next < count; ) {
      let crowded = false;
      const epoch = this.#gate.enter();
      try {
        this.#refresh(epoch);
        for (; next < count && !crowded; next++) {
          const at = next * BLOB_RECORD.words;
          for (let i = 0; i < ID_WORDS; i++) words[i] = records[at + i]!;
          const kind = records[at + BLOB_RECORD.isTree] === 0 ? 'data' : 'tree';
          const offset = records[at + BLOB_RECORD.offset]!;
          const length = records[at + BLOB_RECORD.length]!;
          crowded =
            this.#insertHere(kind, pack, offset, length, records[at + BLOB_RECORD.uncompressedLength]!) === CROWDED;
        }
      } finally {
        this.#gate.leave();
      }
      if (crowded) this.#gate.alone(epoch, () => this.#rebuild(2 * this.#slotCount));
    }
  }

  /** Makes room for so many blobs in an empty table at once; they may be more or fewer. Owner thread only. */
  expect(blobs: number): void {
    if (this.entryCount > 0) return;
    let slots = FIRST_SLOTS;
    while (2 * slots < 3 * blobs && slots < MAX_SLOTS) slots *= 2;
    if (slots > this.#slotCount) this.#gate.alone(this.#gate.stable(), () => this.#rebuild(slots));
  }

  #load(id: Uint8Array, at: number): void {
    const words = this.#words;
    for (let i = 0, from = at; i < ID_WORDS; i++, from += 4) {
      words[i] = (id[from]! << 24) | (id[from + 1]! << 16) | (id[from + 2]! << 8) | id[from + 3]!;
    }
  }

  /** Brings the view of the slots up to date; returns the epoch that a reader must find unchanged at its end. */
  #enterRead(): number {
    const epoch = this.#gate.stable();
    this.#refresh(epoch);
    return epoch;
  }

  #refresh(epoch: number): void {
    if (epoch === this.#epoch) return;
    this.#slots = new Int32Array(this.#shared.slots, 0, Atomics.load(this.#control, SLOTS));
    this.#epoch = epoch;
  }

  #matches(entry: number, kind: BlobKind): boolean {
    if (entry >= this.entryCount) return false;
    const ids = this.#ids.view(entry >> SEGMENT_BITS);
    const base = (entry & SEGMENT_MASK) * ID_WORDS;
    const words = this.#words;
    for (let i = 0; i < ID_WORDS; i++) if (ids[base + i] !== words[i]) return false;
    const place = this.#places.view(entry >> SEGMENT_BITS)[(entry & SEGMENT_MASK) * PLACE_WORDS]!;
    return place < 0 === (kind === 'tree') && (place & PACK_MASK) !== DEAD;
  }

  /** Follows the probe path of the loaded id; returns the entry where `visit` says true, or -1 at the free slot. */
  #walk(kind: BlobKind, visit: (entry: number) => boolean): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const tag = this.#words[1]! << ENTRY_BITS;
    let slot = this.#words[0]! & mask;
    for (let steps = 0; steps <= mask; steps++) {
      const value = Atomics.load(slots, slot);
      if (value === 0) return -1;
      if (((value ^ tag) & ~ENTRY_MASK) === 0) {
        const entry = (value & ENTRY_MASK) - 1;
        if (this.#matches(entry, kind) && visit(entry)) return entry;
      }
      slot = (slot + 1) & mask;
    }
    return -1;
  }

  #search(kind: BlobKind, stored: boolean): number {
    for (;;) {
      const epoch = this.#enterRead();
      const found = this.#walk(kind, stored ? this.#isStored : accept);
      if (this.#gate.unchanged(epoch)) return found;
    }
  }

  readonly #isStored = (entry: number): boolean => {
    const view = this.#places.view(entry >> SEGMENT_BITS);
    return (Atomics.load(view, (entry & SEGMENT_MASK) * PLACE_WORDS) & PACK_MASK) < DEAD;
  };

  /** Adds the loaded id with a place or a claim. Returns whether an entry was added or, for a place, a claim completed. */
  #add(kind: BlobKind, pack: number, offset: number, length: number, uncompressedLength: number): boolean {
    const epoch = this.#gate.enter();
    let outcome: number;
    try {
      this.#refresh(epoch);
      outcome = this.#insertHere(kind, pack, offset, length, uncompressedLength);
    } finally {
      this.#gate.leave();
    }
    if (outcome === CROWDED) this.#gate.alone(epoch, () => this.#rebuild(2 * this.#slotCount));
    return outcome !== NOT_ADDED;
  }

  /** The same inside the gate; says whether there are too few slots now. */
  #insertHere(kind: BlobKind, pack: number, offset: number, length: number, uncompressedLength: number): number {
    const kindBit = kind === 'tree' ? TREE_BIT : 0;
    if (!this.#insert(kind, kindBit, pack, offset, length, uncompressedLength)) return NOT_ADDED;
    return 3 * this.entryCount > 2 * this.#slots.length ? CROWDED : ADDED;
  }

  get #slotCount(): number {
    return Atomics.load(this.#control, SLOTS);
  }

  #insert(
    kind: BlobKind,
    kindBit: number,
    pack: number,
    offset: number,
    length: number,
    uncompressedLength: number,
  ): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const tag = this.#words[1]! << ENTRY_BITS;
    let slot = this.#words[0]! & mask;
    let mine = -1;
    for (;;) {
      let value = Atomics.load(slots, slot);
      if (value === 0) {
        if (mine < 0) mine = this.#newEntry(kindBit | pack, offset, length, uncompressedLength);
        value = Atomics.compareExchange(slots, slot, 0, tag | (mine + 1));
        if (value === 0) return true;
      }
      if (((value ^ tag) & ~ENTRY_MASK) === 0) {
        const entry = (value & ENTRY_MASK) - 1;
        if (this.#matches(entry, kind) && this.#settles(entry, kindBit, pack, offset, length, uncompressedLength)) {
          if (mine >= 0) this.#kill(mine);
          return pack !== CLAIMED;
        }
      }
      slot = (slot + 1) & mask;
    }
  }

  /** Returns whether an existing entry of the same blob makes a new one needless; completes a claim on the way. */
  #settles(
    entry: number,
    kindBit: number,
    pack: number,
    offset: number,
    length: number,
    uncompressed: number,
  ): boolean {
    if (pack === CLAIMED) return true;
    const view = this.#places.view(entry >> SEGMENT_BITS);
    const base = (entry & SEGMENT_MASK) * PLACE_WORDS;
    const there = Atomics.load(view, base) & PACK_MASK;
    if (there !== CLAIMED) return there === pack && view[base + 1]! >>> 0 === offset;
    view[base + 1] = offset;
    view[base + 2] = length;
    view[base + 3] = uncompressed;
    // Last: whoever sees the pack sees the rest.
    Atomics.store(view, base, kindBit | pack);
    return true;
  }

  #newEntry(packWord: number, offset: number, length: number, uncompressedLength: number): number {
    const entry = Atomics.add(this.#control, ENTRIES, 1);
    if (entry >= MAX_ENTRIES - 1) {
      Atomics.sub(this.#control, ENTRIES, 1);
      throw new RangeError(`blob table: more than ${MAX_ENTRIES - 1} blobs`);
    }
    const segment = entry >> SEGMENT_BITS;
    this.#ids.reserve(segment);
    this.#places.reserve(segment);
    const ids = this.#ids.view(segment);
    // Word by word: set() costs more for so few.
    for (let i = 0, at = (entry & SEGMENT_MASK) * ID_WORDS; i < ID_WORDS; i++) ids[at + i] = this.#words[i]!;
    const view = this.#places.view(segment);
    const base = (entry & SEGMENT_MASK) * PLACE_WORDS;
    view[base + 1] = offset;
    view[base + 2] = length;
    view[base + 3] = uncompressedLength;
    Atomics.store(view, base, packWord);
    return entry;
  }

  /** Voids an entry that lost the race for its slot. */
  #kill(entry: number): void {
    Atomics.store(this.#places.view(entry >> SEGMENT_BITS), (entry & SEGMENT_MASK) * PLACE_WORDS, DEAD);
    Atomics.add(this.#control, DEAD_ENTRIES, 1);
  }

  /** Makes so many slots, a power of two, and fills them anew. Runs alone; readers notice by the epoch. */
  #rebuild(count: number): void {
    if (count > MAX_SLOTS) throw new RangeError(`blob table: more than ${MAX_SLOTS} slots`);
    growTo(this.#shared.slots, count * 4);
    const slots = new Int32Array(this.#shared.slots, 0, count).fill(0);
    const mask = count - 1;
    const entries = this.entryCount;
    for (let entry = 0; entry < entries; entry++) {
      const at = entry & SEGMENT_MASK;
      const segment = entry >> SEGMENT_BITS;
      if ((this.#places.view(segment)[at * PLACE_WORDS]! & PACK_MASK) === DEAD) continue;
      const ids = this.#ids.view(segment);
      let slot = ids[at * ID_WORDS]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = (ids[at * ID_WORDS + 1]! << ENTRY_BITS) | (entry + 1);
    }
    Atomics.store(this.#control, SLOTS, count);
  }
}

function accept(): boolean {
  return true;
}
