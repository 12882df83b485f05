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
import { BlobEntries, CLAIMED, ENTRY_BITS, FIRST_MARK, ID_WORDS, type SharedEntries } from './entries.ts';
import { Gate } from './gate.ts';
import type { BlobKind, BlobPlace } from './kind.ts';
import { growable, growTo } from './shared-memory.ts';

/** What another thread needs to attach: pass it by postMessage or workerData. */
export interface SharedBlobTable extends SharedEntries {
  readonly control: SharedArrayBuffer;
  readonly slots: SharedArrayBuffer;
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
const ENTRY_MASK: number = 2 ** ENTRY_BITS - 1;
const MAX_SLOTS: number = 2 ** 28;
const MAX_PACKS: number = 2 ** 24;
const FIRST_SLOTS: number = 2 ** 12;

/** Where a blob is put that somebody is storing. */
const CLAIM: BlobPlace = { pack: CLAIMED, offset: 0, length: 0, uncompressedLength: 0 };

// What an insertion came to: nothing, an entry, an entry that makes the slots too few.
const NOT_ADDED = 0;
const ADDED = 1;
const CROWDED = 2;

/** The shared table of blobs. One instance per thread over the same memory; see share() and attach(). */
export class BlobTable {
  readonly #shared: SharedBlobTable;
  readonly #control: Int32Array;
  readonly #gate: Gate;
  readonly #entries: BlobEntries;
  /** The id that is asked for. */
  readonly #words = new Int32Array(ID_WORDS);
  /** Numbers of packs by id; only the thread that made the table adds packs. */
  readonly #packNumbers: Map<string, number> | null;
  #epoch = -1;
  #slots: Int32Array = new Int32Array(0);

  private constructor(shared: SharedBlobTable, owner: boolean) {
    this.#shared = shared;
    this.#control = new Int32Array(shared.control);
    this.#gate = new Gate(this.#control, EPOCH, WRITERS);
    this.#entries = new BlobEntries(shared, this.#control, ENTRIES);
    this.#packNumbers = owner ? new Map() : null;
  }

  /** Makes an empty table. The calling thread owns it: it alone adds packs. */
  static create(): BlobTable {
    const shared: SharedBlobTable = {
      control: new SharedArrayBuffer(CONTROL_WORDS * 4),
      slots: growable(FIRST_SLOTS * 4, MAX_SLOTS * 4),
      ...BlobEntries.share(),
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
    return this.#entries.count;
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
    return this.#entries.placeOf(entry);
  }

  /** Returns the first entry from `from` on that was claimed and is not stored, or -1. */
  firstClaimed(from: number): number {
    return this.#entries.firstClaimed(from);
  }

  /** Returns the kind of an entry. */
  kindOf(entry: number): BlobKind {
    return this.#entries.kindOf(entry);
  }

  /** Writes the raw id of an entry into `out` at `at`. */
  idOf(entry: number, out: Uint8Array, at = 0): void {
    this.#entries.idOf(entry, out, at);
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
    return this.#add(kind, CLAIM) ? 'new' : 'known';
  }

  /**
   * Records where a blob is stored. Completes a claim if there is one; else the place becomes a further copy. A place that
   * is known already changes nothing. Call it only after the pack is durable.
   */
  publish(kind: BlobKind, id: Uint8Array, at: number, place: BlobPlace): void {
    this.#load(id, at);
    if (place.pack >= FIRST_MARK) throw new RangeError(`blob table: no pack ${place.pack}`);
    this.#add(kind, place);
  }

  /** The same for `count` records of an index file (BLOB_RECORD of the kernels), all of one pack; many times faster. */
  publishRecords(records: Int32Array, count: number, pack: number): void {
    if (pack >= FIRST_MARK) throw new RangeError(`blob table: no pack ${pack}`);
    const words = this.#words;
    const place = { pack, offset: 0, length: 0, uncompressedLength: 0 };
    for (let next = 0; next < count; ) {
      let crowded = false;
      const epoch = this.#gate.enter();
      try {
        this.#refresh(epoch);
        for (; next < count && !crowded; next++) {
          const at = next * BLOB_RECORD.words;
          for (let i = 0; i < ID_WORDS; i++) words[i] = records[at + i]!;
          const kind = records[at + BLOB_RECORD.isTree] === 0 ? 'data' : 'tree';
          place.offset = records[at + BLOB_RECORD.offset]!;
          place.length = records[at + BLOB_RECORD.length]!;
          place.uncompressedLength = records[at + BLOB_RECORD.uncompressedLength]!;
          crowded = this.#insertHere(kind, place) === CROWDED;
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

  /** Follows the probe path of the loaded id; returns the entry where `visit` says true, or -1 at the free slot. */
  #walk(kind: BlobKind, visit: (entry: number) => boolean): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const tag = this.#words[1]! << ENTRY_BITS;
    const isTree = kind === 'tree';
    let slot = this.#words[0]! & mask;
    for (let steps = 0; steps <= mask; steps++) {
      const value = Atomics.load(slots, slot);
      if (value === 0) return -1;
      if (((value ^ tag) & ~ENTRY_MASK) === 0) {
        const entry = (value & ENTRY_MASK) - 1;
        if (this.#entries.isOf(entry, this.#words, isTree) && visit(entry)) return entry;
      }
      slot = (slot + 1) & mask;
    }
    return -1;
  }

  readonly #isStored = (entry: number): boolean => this.#entries.isStored(entry);

  #search(kind: BlobKind, stored: boolean): number {
    for (;;) {
      const epoch = this.#enterRead();
      const found = this.#walk(kind, stored ? this.#isStored : accept);
      if (this.#gate.unchanged(epoch)) return found;
    }
  }

  /** Adds the loaded id with a place or a claim. Returns whether an entry was added or, for a place, a claim completed. */
  #add(kind: BlobKind, place: BlobPlace): boolean {
    const epoch = this.#gate.enter();
    let outcome: number;
    try {
      this.#refresh(epoch);
      outcome = this.#insertHere(kind, place);
    } finally {
      this.#gate.leave();
    }
    if (outcome === CROWDED) this.#gate.alone(epoch, () => this.#rebuild(2 * this.#slotCount));
    return outcome !== NOT_ADDED;
  }

  /** The same inside the gate; says whether there are too few slots now. */
  #insertHere(kind: BlobKind, place: BlobPlace): number {
    if (!this.#insert(kind === 'tree', place)) return NOT_ADDED;
    return 3 * this.entryCount > 2 * this.#slots.length ? CROWDED : ADDED;
  }

  get #slotCount(): number {
    return Atomics.load(this.#control, SLOTS);
  }

  #insert(isTree: boolean, place: BlobPlace): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const words = this.#words;
    const tag = words[1]! << ENTRY_BITS;
    let slot = words[0]! & mask;
    let mine = -1;
    for (;;) {
      let value = Atomics.load(slots, slot);
      if (value === 0) {
        if (mine < 0) mine = this.#entries.add(words, isTree, place);
        value = Atomics.compareExchange(slots, slot, 0, tag | (mine + 1));
        if (value === 0) return true;
      }
      if (((value ^ tag) & ~ENTRY_MASK) === 0) {
        const entry = (value & ENTRY_MASK) - 1;
        if (this.#entries.isOf(entry, words, isTree) && this.#entries.settles(entry, isTree, place)) {
          if (mine >= 0) this.#kill(mine);
          return place.pack !== CLAIMED;
        }
      }
      slot = (slot + 1) & mask;
    }
  }

  /** Voids an entry that lost the race for its slot. */
  #kill(entry: number): void {
    this.#entries.kill(entry);
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
      if (this.#entries.isDead(entry)) continue;
      let slot = this.#entries.idWord(entry, 0) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = (this.#entries.idWord(entry, 1) << ENTRY_BITS) | (entry + 1);
    }
    Atomics.store(this.#control, SLOTS, count);
  }
}

function accept(): boolean {
  return true;
}
