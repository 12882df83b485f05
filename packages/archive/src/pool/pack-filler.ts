/**
 * Fills packs of one kind in slabs: compress where it pays, seal in place, hand full packs over. zstd writes a frame to
 * the very bytes where it is then sealed, so that nothing is copied. Holds at most one slab; one per engine and kind.
 */
import { type LaterUpdate, type Memory, PAGE_BYTES, type Platform, SEAL_OVERHEAD, type Sha256 } from '@hostark/kernels';
import { type BlobKind, compressionLevel, entryBytes, PACK_OVERHEAD, PackWriter } from '@hostark/repository';
import { CompressionProbe } from './compressible.ts';
import type { EngineSetup } from './jobs.ts';
import { roomFor, type Slab, type SlabExchange } from './slabs.ts';

/** Below this, two hashes in lockstep cost as much as two apart. */
const LEAST_BESIDE = 2048;
/** What #compress() says of a blob that is stored as it is, and of a tree whose frame has no room. */
const AS_IT_IS = -1;
const NO_ROOM = -2;

/** A blob whose frame found no room: so that it is not compressed twice. */
interface HeldFrame {
  readonly id: Uint8Array;
  readonly frame: Memory;
}

export class PackFiller {
  readonly #platform: Platform;
  readonly #kind: BlobKind;
  readonly #slabs: SlabExchange;
  readonly #probe: CompressionProbe;
  readonly #sha: Sha256;
  readonly #packSizeBytes: number;
  /** Infinite where a pack lies in one slab. */
  readonly #pieceBytes: number;
  /** 0: nothing is compressed. */
  readonly #level: number;
  readonly #probes: boolean;
  readonly #setup: EngineSetup;
  #writer: PackWriter | null = null;
  #slab: Slab | null = null;
  /** There is a pack that is not finished, with or without a slab for its next piece. */
  #open = false;
  #held: HeldFrame | null = null;
  #overhead = 0;

  constructor(setup: EngineSetup, platform: Platform, kind: BlobKind, slabs: SlabExchange) {
    this.#setup = setup;
    this.#platform = platform;
    this.#kind = kind;
    this.#slabs = slabs;
    this.#probe = new CompressionProbe(platform);
    this.#sha = platform.sha256Stream();
    this.#packSizeBytes = setup.packSizeBytes;
    this.#pieceBytes = Math.max(PAGE_BYTES, (slabs.piece && setup.pieceBytes) ?? Number.POSITIVE_INFINITY);
    const { repositoryVersion, compression } = setup;
    this.#level = repositoryVersion === 1 ? 0 : compressionLevel(kind, compression);
    this.#probes = kind === 'data' && compression !== 'max';
  }

  /**
   * Returns the id of a blob that may be put next, good until the next call. Hashes it in lockstep with what the open pack's
   * own hash has not taken yet: that is why a full pack stays here until the next blob comes.
   */
  idOf(plain: Memory, at: number, length: number): Uint8Array {
    if (this.#slab === null || length < LEAST_BESIDE) return this.#platform.sha256At(plain, at, length);
    this.#writer!.hashBeside(this.#sha, plain, at, length);
    return this.#sha.digest();
  }

  /**
   * Stores a blob, `length` bytes from `at` on, and returns the bytes that it takes in the pack, with its header entry; -1
   * if there is no room: then turn() comes before the same call again. `plain` is free again once it is stored.
   */
  put(id: Uint8Array, plain: Memory, at: number, length: number): number {
    this.#handOver();
    if (this.#slab === null) return -1;
    const writer = this.#writer!;
    if (this.#held !== null) return this.#putHeld(this.#held, id, plain, at, length);
    const frame = this.#compress(writer, plain, at, length);
    if (frame < 0) {
      if (frame === NO_ROOM || !writer.fits(length, 0)) return -1;
      writer.addAt(this.#kind, id, plain, at, length, 0);
      return packedBytes(length, 0);
    }
    if (!writer.fits(frame, length)) {
      // It lies where the header of this pack is about to be written.
      const { bytes } = writer.buffer;
      const copy = new Uint8Array(bytes.subarray(writer.place, writer.place + frame));
      this.#held = { id: new Uint8Array(id), frame: this.#platform.memory(copy) };
      return -1;
    }
    writer.addAt(this.#kind, id, writer.buffer, writer.place, frame, length);
    return packedBytes(frame, length);
  }

  /** Returns whether a frame of the blob should be made by who seals it for reserve(): put() would try one. */
  wantsFrame(plain: Memory, at: number, length: number): boolean {
    // A plaintext length of 0 means "not compressed".
    if (this.#level === 0 || length === 0) return false;
    return !this.#probes || this.#probe.worthTrying(plain, at, length);
  }

  /** zstd's level; 0: nothing is compressed. */
  get level(): number {
    return this.#level;
  }

  /**
   * Returns where in `buffer` a blob belongs that someone else has sealed: `length` bytes without IV and MAC, of `plainLength` or, if
   * that is 0, as it was. -1 if there is no room: then makeRoom() comes before the same call again. It must be there before any other
   * call but this one and hashLater().
   */
  reserve(id: Uint8Array, length: number, plainLength: number): number {
    if (this.#slab === null || this.#isToHandOver() || !this.#writer!.fits(length, plainLength)) return -1;
    return this.#writer!.reserve(this.#kind, id, length, plainLength);
  }

  /** What reserve() counts in. */
  get buffer(): Memory {
    return this.#writer!.buffer;
  }

  /** As PackWriter.hashLater(); null where nothing is open. */
  hashLater(): LaterUpdate | null {
    return this.#slab === null ? null : this.#writer!.hashLater();
  }

  /** Makes room for a blob of `plainLength` bytes, however it is stored. */
  async makeRoom(plainLength: number): Promise<void> {
    this.#handOver();
    if (this.#slab === null || !this.#writer!.fits(plainLength, plainLength)) await this.turn(plainLength);
  }

  /** Stores a blob as it is, for which there is room. Returns the bytes that it takes. */
  putAsIs(id: Uint8Array, plain: Memory, at: number, length: number): number {
    this.#writer!.addAt(this.#kind, id, plain, at, length, 0);
    return packedBytes(length, 0);
  }

  /**
   * Hands over what is in the slab and opens an empty one in which a blob of `plainLength` bytes has room: for a new pack, or
   * for the next piece of the open one.
   */
  async turn(plainLength: number): Promise<void> {
    if (this.#slab !== null && this.#open) this.#leaveSlab(plainLength);
    let slab = largeEnough(await this.#slabs.take(), plainLength);
    if (this.#open) {
      this.#slab = slab;
      this.#writer!.resume(slab.memory);
      if (this.#hasRoom(plainLength)) return;
      this.#close(true);
      slab = largeEnough(await this.#slabs.take(), plainLength);
    }
    this.#slab = slab;
    if (this.#writer === null) {
      this.#writer = new PackWriter(this.#platform, this.#platform.sealer(this.#setup.key), slab.memory);
    } else this.#writer.reset(slab.memory);
    this.#open = true;
  }

  /** Hands over the open pack, because the backup ends; then all packs are. */
  async end(): Promise<void> {
    if (!this.#open || this.#writer!.blobCount === 0) return;
    // All of it but its header has left.
    if (this.#slab === null) await this.turn(0);
    this.#close(this.#isFull());
  }

  /** Returns the bytes of headers of full packs since the last call. */
  takeOverhead(): number {
    const overhead = this.#overhead;
    this.#overhead = 0;
    return overhead;
  }

  /** Hands over a pack that is full, or a piece of it. */
  #handOver(): void {
    if (this.#slab === null) return;
    if (this.#isFull()) this.#close(true);
    else if (this.#isToHandOver()) this.#givePiece();
  }

  #isToHandOver(): boolean {
    return this.#isFull() || this.#writer!.filled >= this.#pieceBytes;
  }

  #isFull(): boolean {
    return this.#writer!.length >= this.#packSizeBytes;
  }

  /** For a blob that found no room. */
  #leaveSlab(plainLength: number): void {
    const inPieces = this.#pieceBytes !== Number.POSITIVE_INFINITY && this.#writer!.filled >= PAGE_BYTES;
    if (inPieces && this.#hasRoom(plainLength)) this.#givePiece();
    else this.#close(true);
  }

  /** Returns whether an empty slab has room for what a piece leaves behind, the blob, and the header of the open pack. */
  #hasRoom(plainLength: number): boolean {
    const writer = this.#writer!;
    const kept = writer.filled % PAGE_BYTES;
    return kept + writer.headerBytes + roomFor(plainLength) <= writer.buffer.bytes.length;
  }

  #givePiece(): void {
    const slab = this.#slab!;
    this.#slab = null;
    this.#slabs.piece!(slab, this.#writer!.drain().length);
  }

  /** `full`: for lack of room, not because the backup ends. */
  #close(full: boolean): void {
    const slab = this.#slab!;
    const { bytes, sha256, header } = this.#writer!.finish();
    // restic counts them for packs that are closed because they are full.
    if (full) this.#overhead += PACK_OVERHEAD;
    this.#slab = null;
    this.#open = false;
    this.#slabs.give(slab, { length: bytes.length, sha256, header });
  }

  #putHeld(held: HeldFrame, id: Uint8Array, plain: Memory, at: number, length: number): number {
    this.#held = null;
    const writer = this.#writer!;
    const { frame } = held;
    if (Buffer.compare(held.id, id) !== 0) return this.put(id, plain, at, length);
    if (!writer.fits(frame.bytes.length, length)) return -1;
    writer.addAt(this.#kind, id, frame, 0, frame.bytes.length, length);
    return packedBytes(frame.bytes.length, length);
  }

  /** Writes a frame of the blob to the place where it will be sealed, and returns its length; AS_IT_IS if that is better. */
  #compress(writer: PackWriter, plain: Memory, at: number, length: number): number {
    if (!this.wantsFrame(plain, at, length)) return AS_IT_IS;
    const { buffer, place } = writer;
    const room = Math.max(0, Math.min(buffer.bytes.length - place, roomFor(length)));
    const frame = this.#platform.zstdCompressAt(
      plain,
      at,
      length,
      this.#level,
      buffer,
      Math.min(place, buffer.bytes.length),
      room,
    );
    if (this.#kind === 'tree') return frame < 0 ? NO_ROOM : frame;
    // What is larger than the room is larger than the blob too, or the blob has no room either.
    return frame < 0 || frame >= length ? AS_IT_IS : frame;
  }
}

/** Returns the bytes that `length` bytes take in a pack, sealed and with their header entry; `plainLength`: of what they are a frame of, or 0. */
export function packedBytes(length: number, plainLength: number): number {
  return length + SEAL_OVERHEAD + entryBytes(plainLength);
}

/** A directory of millions of entries may not fit any slab: its tree gets memory of its own, which nobody keeps. */
function largeEnough(slab: Slab, plainLength: number): Slab {
  const needed = roomFor(plainLength);
  if (needed <= slab.memory.length) return slab;
  return { index: slab.index, memory: new Uint8Array(new SharedArrayBuffer(needed)), lentFor: slab };
}
