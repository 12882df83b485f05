/**
 * A group of small files on its way into a repository. Three lists of calls do what takes time: the files are read side by side and
 * hashed; those that nobody has are compressed and sealed, and copied to where they belong. In between it is the caller's turn.
 */

import { HASH_BYTES } from '../crypto/lane-sha256.ts';
import { IV_BYTES, MAC_BYTES, type SealingKey } from '../crypto/sealer.ts';
import { paddedBytes, Sha256Messages } from '../crypto/sha256-messages.ts';
import { CallList } from '../machine/call-list.ts';
import { functionAddress } from '../machine/function-address.ts';
import { expectInside, type Memory, memoryOf } from '../memory.ts';
import type { LaterUpdate } from '../platform.ts';
import { IDENTITY_WORDS, identitySize } from '../posix/identity.ts';
import { type ZstdForLists, zstdForLists } from '../zstd/library-zstd.ts';
import { CALLS_PER_FILE, FileCalls, type FileList, type FilesToRead } from './file-calls.ts';
import { listsAgree } from './lists-agree.ts';
import { CALLS_PER_SEAL, SealingCalls } from './sealing-calls.ts';

/** Most files of a group; and of their bytes, but for the last file. Few enough to stay in a core's cache. */
const FILES = 64;
const BYTES: number = 256 * 1024;
/** Larger files are for others: by themselves they cost no more. */
const FILE_BYTES: number = 128 * 1024;
/** What ZSTD_compressBound() adds for small content, at most. */
const FRAME_EXTRA = 64;
const NOT_SEALED = -1;

/** The list begins with the calls that read and hash. */
const FIRST_SEAL: number = (CALLS_PER_FILE + 1) * FILES;
const CALLS_PER_FRAME: number = 1 + CALLS_PER_SEAL;

/**
 * The call with which a slot for sealing begins: FILES slots in which a frame is made first, filled from the last one down, then FILES
 * for blobs as they are, filled from the first one up, so that what is to be done lies side by side.
 */
function firstCall(slot: number): number {
  const frames = CALLS_PER_FRAME * Math.min(slot, FILES);
  return FIRST_SEAL + frames + CALLS_PER_SEAL * Math.max(0, slot - FILES);
}

/** Then the calls that copy, of which the last ones are used, and at the end that of a hash. */
const CALLS_PER_COPY = 2;
const UPDATE: number = firstCall(2 * FILES) + CALLS_PER_COPY * FILES;

/** One group after another. */
export class FileGroup {
  /** Where the files are read to. */
  readonly arena: Memory;
  readonly #calls: CallList;
  readonly #files: FileCalls;
  readonly #hashes: Sha256Messages = new Sha256Messages(FILES);
  readonly #ids: Memory = memoryOf(new Uint8Array(FILES * HASH_BYTES));
  readonly #places = new Uint32Array(FILES);
  readonly #sizes = new Uint32Array(FILES);
  /** Where files are sealed, their frames before that, and in which slots. */
  readonly #frames: Memory;
  readonly #sealedPlaces = new Uint32Array(FILES);
  readonly #sealedLengths = new Int32Array(FILES);
  readonly #slots = new Int32Array(FILES);
  readonly #seals: SealingCalls;
  #copies = 0;
  #reading: FilesToRead | null = null;

  private constructor(calls: CallList, zstd: ZstdForLists, seals: SealingCalls) {
    this.arena = memoryOf(Buffer.allocUnsafeSlow(BYTES + paddedBytes(FILE_BYTES)));
    const room = frameRoom(this.arena.bytes.length) + FILES * (IV_BYTES + FRAME_EXTRA + 1);
    this.#frames = memoryOf(Buffer.allocUnsafeSlow(room));
    this.#calls = calls;
    this.#files = new FileCalls(calls, FILES);
    this.#seals = seals;
    for (let slot = 0; slot < 2 * FILES; slot++) {
      const call = firstCall(slot);
      if (slot < FILES) calls.write(call, zstd.compress, zstd.context);
      seals.prepare(calls, slot < FILES ? call + 1 : call, slot);
    }
    const memcpy = functionAddress('memcpy');
    for (let call = firstCall(2 * FILES); call < UPDATE; call += CALLS_PER_COPY) {
      calls.write(call, memcpy);
      calls.write(call + 1, memcpy, 0, 0, MAC_BYTES);
    }
  }

  /**
   * For blobs that are sealed with `key`, whose bytes are copied. Returns null where there is no machine code (VAES), no libzstd or no
   * libcrypto, or where they do not give the answers they must.
   */
  static create(key: SealingKey): FileGroup | null {
    const calls = CallList.create(UPDATE + 1);
    const zstd = zstdForLists();
    if (calls === null || zstd === null || !listsAgree()) return null;
    const seals = SealingCalls.create(key, 2 * FILES);
    return seals && new FileGroup(calls, zstd, seals);
  }

  /**
   * Takes up to `wanted` files of a list from number `from` on as long as there is room, and returns how many: none if that one is too
   * large. The list is borrowed until they are stored.
   */
  take(list: FileList, from: number, wanted: number): number {
    const most = Math.min(wanted, FILES, list.pathEnds.length - from);
    let count = 0;
    for (let place = 0; count < most && place < BYTES; count++) {
      const size = identitySize(list.identities, (from + count) * IDENTITY_WORDS);
      if (size >= FILE_BYTES) break;
      this.#places[count] = place;
      this.#sizes[count] = size;
      place += paddedBytes(size);
    }
    this.#reading = { list, from, count, places: this.#places, sizes: this.#sizes };
    return count;
  }

  /** Reads and hashes what was taken. One call at a time, of this or of seal(). */
  read(): void {
    const files = this.#taken();
    const { count, places, sizes } = files;
    const first = this.#files.write(files, this.arena);
    const end = this.#hashes.write(this.#calls, CALLS_PER_FILE * FILES, this.arena, places, sizes, count, this.#ids);
    this.#calls.run(first, end);
    this.#hashes.finish(this.#calls);
  }

  /** Says whether the file that is number `i` of the group was read as it was seen; else nothing is known of it. */
  isWhole(i: number): boolean {
    return this.#files.isWhole(this.#taken(), i);
  }

  /** Where its bytes begin in the arena. */
  place(i: number): number {
    return this.#places[i]!;
  }

  size(i: number): number {
    return this.#sizes[i]!;
  }

  /** Writes the SHA-256 of its bytes to `into`. */
  hash(i: number, into: Uint8Array): void {
    const { bytes } = this.#ids;
    // Byte by byte: a view of so little costs more.
    for (let to = 0, at = i * HASH_BYTES; to < HASH_BYTES; to++, at++) into[to] = bytes[at]!;
  }

  /**
   * Seals these files for a pack: a zstd frame of each for which `shrinks` says so, the others as they are. `level` is 1 to 22. Files
   * whose frame is no shorter than they are, are left alone.
   */
  seal(numbers: readonly number[], shrinks: (i: number) => boolean, level: number): void {
    let [place, frames, others] = [0, 0, 0];
    this.#sealedLengths.fill(NOT_SEALED);
    for (const i of numbers) {
      this.#sealedPlaces[i] = place;
      const slot = shrinks(i) ? FILES - ++frames : FILES + others++;
      this.#slots[i] = slot;
      this.#writeSeal(i, slot, level);
      place += IV_BYTES + frameRoom(this.#sizes[i]!);
    }
    this.#calls.run(firstCall(FILES - frames), firstCall(FILES + others));
    for (const i of numbers) this.#takeResult(i);
  }

  /** Says whether seal() has sealed a file. */
  isSealed(i: number): boolean {
    return this.#sealedLengths[i] !== NOT_SEALED;
  }

  /** The bytes of a sealed file between its IV and its MAC. */
  sealedLength(i: number): number {
    return this.#sealedLengths[i]!;
  }

  /** Says whether a frame was sealed, not the file as it is. */
  isFrame(i: number): boolean {
    return this.#slots[i]! < FILES;
  }

  /** Has the next copy() bring a sealed file, IV and MAC included, to `at` of `target`. Throws RangeError if it has no room there. */
  copyLater(i: number, target: Memory, at: number): void {
    const length = IV_BYTES + this.#sealedLengths[i]!;
    expectInside(target, at, length + MAC_BYTES);
    const call = UPDATE - CALLS_PER_COPY * ++this.#copies;
    const to = target.address + at;
    this.#calls.argument(call, 0, to);
    this.#calls.argument(call, 1, this.#frames.address + this.#sealedPlaces[i]!);
    this.#calls.argument(call, 2, length);
    this.#calls.argument(call + 1, 0, to + length);
    this.#calls.argument(call + 1, 1, this.#seals.macAddress(this.#slots[i]!));
  }

  /** Copies all that copyLater() was told of; `update`: a hash that goes on with it. */
  copy(update: LaterUpdate | null): void {
    const first = UPDATE - CALLS_PER_COPY * this.#copies;
    this.#copies = 0;
    if (update !== null) this.#calls.write(UPDATE, update.target, ...update.arguments);
    this.#calls.run(first, update === null ? UPDATE : UPDATE + 1);
  }

  #writeSeal(i: number, slot: number, level: number): void {
    const [size, place] = [this.#sizes[i]!, this.#sealedPlaces[i]!];
    const from = this.arena.address + this.#places[i]!;
    const call = firstCall(slot);
    if (slot >= FILES) {
      this.#seals.write(this.#calls, call, slot, from, this.#frames, place, size);
      return;
    }
    // Made and sealed in the same place.
    const frame = this.#frames.address + place + IV_BYTES;
    this.#calls.argument(call, 1, frame);
    this.#calls.argument(call, 2, frameRoom(size));
    this.#calls.argument(call, 3, from);
    this.#calls.argument(call, 4, size);
    this.#calls.argument(call, 5, level);
    this.#seals.write(this.#calls, call + 1, slot, frame, this.#frames, place, -1);
  }

  #takeResult(i: number): void {
    const [slot, size] = [this.#slots[i]!, this.#sizes[i]!];
    const call = firstCall(slot);
    const length = slot < FILES ? this.#calls.result(call) : size;
    if (length < 0) throw new Error(`libzstd: error ${-length}`);
    this.#seals.expectSealed(this.#calls, slot < FILES ? call + 1 : call);
    if (slot >= FILES || length < size) this.#sealedLengths[i] = length;
  }

  #taken(): FilesToRead {
    if (this.#reading === null) throw new TypeError('a group is taken before it is read');
    return this.#reading;
  }
}

/** Room for any frame of so many bytes (ZSTD_compressBound). */
function frameRoom(size: number): number {
  return size + (size >> 8) + FRAME_EXTRA;
}
