/**
 * Fills a buffer with one pack: sealed blobs, sealed header, length of the header. The SHA-256 that names the pack is taken
 * while it fills. A pack may also go through smaller buffers, piece by piece: see drain(). Needs no repository, so that
 * worker threads can run it; the buffer may be shared memory.
 * Not for use by several threads at once. After any error the writer is broken and says so.
 */
import {
  IV_BYTES,
  type LaterUpdate,
  type Memory,
  PAGE_BYTES,
  type Platform,
  SEAL_OVERHEAD,
  type Sealer,
  type Sha256,
} from '@hostark/kernels';
import { HostarkError } from '@hostark/protocol';
import type { BlobKind } from '../blobs/kind.ts';
import { sameBytes } from '../encoding/bytes.ts';
import { ID_BYTES, type PackId, packIdFrom } from '../ids.ts';
import { blobsEnd, entryBytes, MAX_HEADER_BYTES, PACK_OVERHEAD, putUint32, writeEntry } from './header.ts';

/** A finished pack. Everything but `bytes` can be sent to another thread as it is. */
export interface FinishedPack {
  readonly id: PackId;
  /** The raw id: also the SHA-256 of `bytes`. */
  readonly sha256: Uint8Array;
  /** The pack, or its last piece: a view of the writer's buffer, valid until the buffer is used again. */
  readonly bytes: Uint8Array;
  /** The opened header, in memory of its own: what the index and the blob table need. */
  readonly header: Uint8Array;
  readonly blobCount: number;
}

/** Small sealed blobs are hashed in steps of this size: few calls, and still in the cache. */
const HASH_STEP = 128 * 1024;
/** Larger ones are left to hashBeside(), up to this size: by then they are out of the cache. */
const MAX_OWED: number = 4 * 1024 * 1024;
/** SHA-256 goes by blocks of this size. */
const BLOCK_BYTES = 64;

/** The buffer of a drained pack: nothing fits. */
const NOTHING: Memory = { bytes: new Uint8Array(0), address: 0 };

/** Writes one pack after another into buffers of the caller. */
export class PackWriter {
  readonly #platform: Platform;
  readonly #sealer: Sealer;
  readonly #sha: Sha256;
  #buffer: Memory;
  #header = new Uint8Array(4096);
  #headerLength = 0;
  /** Sealed bytes in the buffer, and how many of them are hashed. */
  #filled = 0;
  #hashed = 0;
  /** What drain() kept back, until there is a buffer again. */
  readonly #rest = new Uint8Array(PAGE_BYTES);
  /** Sealed bytes that have left by drain(). */
  #drained = 0;
  #count = 0;
  #kind: BlobKind | null = null;
  #broken = false;

  /** `buffer` holds the pack while it fills; it is used by nobody else until finish() and the upload are done. */
  constructor(platform: Platform, sealer: Sealer, buffer: Uint8Array) {
    this.#platform = platform;
    this.#sealer = sealer;
    this.#sha = platform.sha256Stream();
    this.#buffer = this.#platform.memory(buffer);
  }

  /** Bytes of sealed blobs so far. */
  get length(): number {
    return this.#drained + this.#filled;
  }

  /** The buffer. All that is behind `place` is free until a blob is added. */
  get buffer(): Memory {
    return this.#buffer;
  }

  /** Sealed bytes in the buffer: the pack's, but for what has been drained. */
  get filled(): number {
    return this.#filled;
  }

  /** Bytes of the header so far, before sealing. */
  get headerBytes(): number {
    return this.#headerLength;
  }

  /** Where in the buffer the next blob's bytes will be sealed: what lies there already is sealed in place. */
  get place(): number {
    return this.#filled + IV_BYTES;
  }

  /** Blobs so far. */
  get blobCount(): number {
    return this.#count;
  }

  /** What all blobs of this pack are, or null while it is empty: packs do not mix kinds. */
  get kind(): BlobKind | null {
    return this.#kind;
  }

  /** Returns whether a blob of `storedLength` bytes (compressed or not, before sealing) still fits. */
  fits(storedLength: number, uncompressedLength: number): boolean {
    const header = this.#headerLength + entryBytes(uncompressedLength);
    const total = this.#filled + storedLength + SEAL_OVERHEAD + header + PACK_OVERHEAD;
    return total <= this.#buffer.bytes.length && header + SEAL_OVERHEAD <= MAX_HEADER_BYTES;
  }

  /**
   * Seals a blob into the pack and returns the bytes it takes there. `stored` is what to seal: the plaintext, or one zstd
   * frame of it, and then `uncompressedLength` is the plaintext's length (0 means not compressed). `id` is 32 raw bytes.
   * Throws RangeError when it does not fit, TypeError when the kind is not that of the blobs before.
   */
  add(kind: BlobKind, id: Uint8Array, stored: Uint8Array, uncompressedLength: number): number {
    return this.addAt(kind, id, this.#platform.memory(stored), 0, stored.length, uncompressedLength);
  }

  /** The same for `length` bytes from `at` on. Sealed in place if they lie at `place` of `buffer`. */
  addAt(
    kind: BlobKind,
    id: Uint8Array,
    stored: Memory,
    at: number,
    length: number,
    uncompressedLength: number,
  ): number {
    this.#expectRoom(kind, id, length, uncompressedLength);
    this.#broken = true;
    this.#sealer.sealAt(stored, at, length, this.#buffer, this.#filled);
    this.#enter(kind, id, length, uncompressedLength);
    const sealedLength = length + SEAL_OVERHEAD;
    if (this.#filled - this.#hashed >= (sealedLength < HASH_STEP ? HASH_STEP : MAX_OWED))
      this.#hash(this.#blockEnd(this.#filled));
    this.#broken = false;
    return sealedLength;
  }

  /**
   * Enters a blob that someone else seals under the same key: returns where in the buffer it belongs, IV, `length` bytes and MAC. It
   * must be there before anything else comes to the pack but another such blob.
   */
  reserve(kind: BlobKind, id: Uint8Array, length: number, uncompressedLength: number): number {
    this.#expectRoom(kind, id, length, uncompressedLength);
    const at = this.#filled;
    this.#enter(kind, id, length, uncompressedLength);
    return at;
  }

  /** Adds what is not hashed yet to the pack's hash, all but less than a block of it, by a call that the caller makes at once. */
  hashLater(): LaterUpdate | null {
    if (this.#hashed === this.#filled) return null;
    const update = this.#sha.updateLater?.(this.#buffer, this.#hashed, this.#filled - this.#hashed) ?? null;
    if (update !== null) this.#hashed += update.length;
    return update;
  }

  #expectRoom(kind: BlobKind, id: Uint8Array, length: number, uncompressedLength: number): void {
    this.#expectWhole();
    if (id.length !== ID_BYTES) throw new RangeError(`id: expected ${ID_BYTES} bytes, got ${id.length}`);
    if (this.#kind !== null && this.#kind !== kind) throw new TypeError(`pack: expected only ${this.#kind} blobs`);
    if (!this.fits(length, uncompressedLength)) throw new RangeError('pack: the blob does not fit');
  }

  /** The blob that is or will be sealed at the end of the pack is in it from now on. */
  #enter(kind: BlobKind, id: Uint8Array, length: number, uncompressedLength: number): void {
    this.#growHeader(entryBytes(uncompressedLength));
    const sealedLength = length + SEAL_OVERHEAD;
    this.#headerLength += writeEntry(this.#header, this.#headerLength, kind, sealedLength, uncompressedLength, id);
    this.#filled += sealedLength;
    this.#count++;
    this.#kind = kind;
  }

  /**
   * Adds `length` bytes from `at` on to another hash and, in lockstep, what is sealed and not hashed yet to the pack's own:
   * two hashes for little more than one. For the id of the next blob; costs nothing where there is nothing to hash.
   */
  hashBeside(other: Sha256, memory: Memory, at: number, length: number): void {
    const from = this.#hashed;
    const own = Math.max(0, this.#blockEnd(Math.min(this.#filled, from + length)) - from);
    this.#platform.sha256Both(this.#sha, this.#buffer, from, own, other, memory, at, length);
    this.#hashed += own;
  }

  /**
   * Returns the piece of the pack that is in the buffer, which is the caller's from now on; the pack goes on after resume().
   * A piece is whole pages, which disks take straight from memory: what comes behind them opens the next buffer.
   * The pack consists of all pieces and, at the end, what finish() gives, one after another.
   */
  drain(): Uint8Array {
    this.#expectWhole();
    const rest = this.#filled % PAGE_BYTES;
    const length = this.#filled - rest;
    if (this.#hashed < length) this.#hash(length);
    const { bytes } = this.#buffer;
    this.#rest.set(bytes.subarray(length, this.#filled));
    this.#drained += length;
    this.#filled = rest;
    this.#hashed -= length;
    this.#buffer = NOTHING;
    return bytes.subarray(0, length);
  }

  /** Goes on with a drained pack in `buffer`, which has room for a page at least. */
  resume(buffer: Uint8Array): void {
    this.#buffer = this.#platform.memory(buffer);
    buffer.set(this.#rest.subarray(0, this.#filled));
  }

  /** Ends the pack. The header is read back as it was written before it counts. Next is reset(). Throws when empty. */
  finish(): FinishedPack {
    this.#expectWhole();
    if (this.#count === 0) throw new TypeError('pack: an empty pack is never written');
    this.#broken = true;
    const header = this.#header.slice(0, this.#headerLength);
    const sealedLength = header.length + SEAL_OVERHEAD;
    const end = this.#filled + sealedLength + 4;
    const { bytes } = this.#buffer;
    const sealed = bytes.subarray(this.#filled, this.#filled + sealedLength);
    this.#sealer.seal(header, sealed);
    putUint32(bytes, end - 4, sealedLength);
    this.#hash(end);
    this.#readBack(header, sealed);
    const sha256 = this.#sha.digest();
    return { id: packIdFrom(sha256), sha256, bytes: bytes.subarray(0, end), header, blobCount: this.#count };
  }

  /** Starts a new pack, in the same buffer or another one. Also mends a broken writer. */
  reset(buffer: Uint8Array = this.#buffer.bytes): void {
    if (this.length > 0 || this.#broken) this.#sha.digest();
    if (buffer !== this.#buffer.bytes) this.#buffer = this.#platform.memory(buffer);
    this.#headerLength = 0;
    this.#filled = 0;
    this.#hashed = 0;
    this.#drained = 0;
    this.#count = 0;
    this.#kind = null;
    this.#broken = false;
  }

  #expectWhole(): void {
    if (this.#broken) throw new TypeError('pack: this pack is finished or failed; reset() starts a new one');
  }

  #hash(upTo: number): void {
    this.#sha.updateAt(this.#buffer, this.#hashed, upTo - this.#hashed);
    this.#hashed = upTo;
  }

  /** The last end of a block of the pack up to a place in the buffer: there its hash has nothing to put aside. */
  #blockEnd(at: number): number {
    return at - ((this.#drained + at) % BLOCK_BYTES);
  }

  #growHeader(more: number): void {
    if (this.#headerLength + more <= this.#header.length) return;
    const grown = new Uint8Array(this.#header.length * 2);
    grown.set(this.#header);
    this.#header = grown;
  }

  /** Opens the sealed header again and compares: catches broken memory and our own mistakes before they are stored. */
  #readBack(header: Uint8Array, sealed: Uint8Array): void {
    const opened = new Uint8Array(header.length);
    const intact = this.#sealer.open(sealed, opened) && sameBytes(opened, header);
    if (!intact || blobsEnd(opened) !== this.length) {
      throw new HostarkError('internal', 'a pack header read back differs from what was written', {
        hint: 'this is broken memory or a mistake of Hostark: nothing was stored; test the memory of this machine',
      });
    }
  }
}
