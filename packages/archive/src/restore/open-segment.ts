/**
 * Opens the blobs of a segment and checks each against its id. Large ones are hashed together, as many as there is room for: two or
 * more messages at once cost less than one after another.
 */
import {
  type HashPart,
  IV_BYTES,
  type Memory,
  type Platform,
  SEAL_OVERHEAD,
  type Sealer,
  type Sha256,
  withinSeal,
} from '@hostark/kernels';
import type { BlobPlace, BlobTable } from '@hostark/repository';
import { endOfBlob, type Needs } from './plan.ts';

/** The largest chunk of the format's chunker, plus what zstd may want. */
const FIRST_PLAIN_BYTES: number = (8 << 20) + 4096;

/** Smaller blobs are whole files mostly: told in their order, so that each folder is entered once, which is worth more. */
const LEAST_TOGETHER: number = 64 << 10;

/** Blobs that wait for each other: as many as the processor hashes at once. */
const MOST_HELD = 16;
/** Of them such as were compressed, whose content lies in memory of ours. */
const ROOMS = 2;

/** Takes the content of the blob that the needs `from` up to `to` are for, good until it returns; null: it is damaged. */
export type TakeBlob = (from: number, to: number, plain: Uint8Array | null) => void;

/** Content that is opened, and not known to be right yet. */
interface Opened {
  readonly entry: number;
  readonly from: number;
  readonly to: number;
  readonly plain: Uint8Array;
  /** Where it lies. */
  readonly memory: Memory;
  readonly at: number;
}

/** One per thread. */
export class SegmentOpener {
  readonly #platform: Platform;
  readonly #sealer: Sealer;
  readonly #blobs: BlobTable;
  readonly #id = new Uint8Array(32);
  /** Used again: fresh pages would cost as much as hashing. */
  readonly #rooms: Memory[] = [];
  #roomsTaken = 0;
  readonly #hashes: Sha256[] = [];
  #held: Opened[] = [];

  constructor(platform: Platform, sealer: Sealer, blobs: BlobTable) {
    this.#platform = platform;
    this.#sealer = sealer;
    this.#blobs = blobs;
  }

  /**
   * Calls `take` once for each blob of the needs `from` up to `to`. `bytes` is the segment, from `offset` of its pack; it may
   * be too short, and is decrypted in place.
   */
  open(bytes: Uint8Array, offset: number, needs: Needs, from: number, to: number, take: TakeBlob): void {
    const segment = this.#platform.memory(bytes);
    /** In the pack: what is before it may be decrypted. */
    let opened = 0;
    try {
      for (let need = from, end = from; need < to; need = end) {
        const entry = needs.entries[need]!;
        end = endOfBlob(needs, need, to);
        const place = this.#blobs.placeOf(entry)!;
        // A wrong index may let blobs overlap: none is decrypted over one that is not written yet.
        if (place.offset < opened || this.#roomsTaken === ROOMS || this.#held.length === MOST_HELD) this.#settle(take);
        opened = Math.max(opened, place.offset + place.length);
        const content = this.#decrypt(segment, place.offset - offset, place);
        if (content === null) take(need, end, null);
        else this.#hash({ entry, from: need, to: end, ...content }, take);
      }
      this.#settle(take);
    } finally {
      this.#held = [];
      this.#roomsTaken = 0;
    }
  }

  /** Returns the content of a sealed blob, or null if it is damaged; as openBlob() of the repository. */
  #decrypt(segment: Memory, at: number, place: BlobPlace): Pick<Opened, 'plain' | 'memory' | 'at'> | null {
    const sealed = segment.bytes.subarray(at, at + place.length);
    if (sealed.length < place.length || sealed.length < SEAL_OVERHEAD) return null;
    const stored = withinSeal(sealed);
    if (!this.#sealer.open(sealed, stored)) return null;
    if (place.uncompressedLength > 0) return this.#decompress(stored, place.uncompressedLength);
    return { plain: stored, memory: segment, at: at + IV_BYTES };
  }

  #decompress(stored: Uint8Array, length: number): Pick<Opened, 'plain' | 'memory' | 'at'> | null {
    const room = this.#room(length);
    try {
      const plain = this.#platform.zstdDecompress(stored, length, room.bytes);
      if (plain.length !== length) return null;
      const memory = plain.buffer === room.bytes.buffer ? room : this.#platform.memory(plain);
      return { plain, memory, at: 0 };
    } catch {
      return null;
    }
  }

  /** Returns the next room, which counts as taken once what lies in it is held. */
  #room(length: number): Memory {
    const at = this.#roomsTaken;
    const room = this.#rooms[at];
    if (room !== undefined && room.bytes.length >= length) return room;
    const larger = this.#platform.memory(roomOf(Math.max(length, FIRST_PLAIN_BYTES)));
    this.#rooms[at] = larger;
    return larger;
  }

  #hash(blob: Opened, take: TakeBlob): void {
    const { plain, memory, at } = blob;
    if (plain.length < LEAST_TOGETHER) {
      this.#tell(blob, this.#platform.sha256At(memory, at, plain.length), take);
      return;
    }
    if (memory === this.#rooms[this.#roomsTaken]) this.#roomsTaken++;
    this.#held.push(blob);
  }

  /** Ends what waits. */
  #settle(take: TakeBlob): void {
    const held = this.#held;
    this.#held = [];
    this.#roomsTaken = 0;
    const parts = held.map(({ memory, at, plain }, i): HashPart => {
      this.#hashes[i] ??= this.#platform.sha256Stream();
      return { hash: this.#hashes[i], memory, at, length: plain.length };
    });
    this.#platform.sha256Together(parts);
    // All of them before the first is told: whoever is told may throw.
    const digests = parts.map(({ hash }) => hash.digest());
    for (const [i, blob] of held.entries()) this.#tell(blob, digests[i]!, take);
  }

  #tell({ entry, from, to, plain }: Opened, digest: Uint8Array, take: TakeBlob): void {
    this.#blobs.idOf(entry, this.#id);
    take(from, to, Buffer.compare(digest, this.#id) === 0 ? plain : null);
  }
}

/**
 * Returns memory that is not cleared. A plain Uint8Array, as what comes from afar is: code that was compiled for one kind of
 * array is compiled anew when it meets another.
 */
export function roomOf(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
}
