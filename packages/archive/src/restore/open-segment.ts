/**
 * Opens the blobs of a segment and checks each against its id. Two are hashed in lockstep: when one is done, the next takes its
 * place beside the other. So the one behind may be done first, and each is told as soon as all of it is known to be right.
 */
import type { Memory, Platform, Sealer, Sha256 } from '@hostark/kernels';
import type { BlobPlace, BlobTable } from '@hostark/repository';
import type { Needs } from './plan.ts';

/** IV and MAC around the content: restic design document, "Keys, Encryption and MAC". */
const IV_BYTES = 16;
const MAC_BYTES = 16;

/** The largest chunk of the format's chunker, plus what zstd may want. */
const FIRST_PLAIN_BYTES: number = (8 << 20) + 4096;

/** Smaller blobs are whole files mostly: told in their order, so that each folder is entered once, which is worth more. */
const LEAST_BESIDE: number = 64 << 10;

/** SHA-256 goes by blocks of this size. */
const BLOCK_BYTES = 64;

/** Takes the content of the blob that the needs `from` up to `to` are for, good until it returns; null: it is damaged. */
export type TakeBlob = (from: number, to: number, plain: Uint8Array | null) => void;

/** A blob that is being hashed, and memory for it that is used again: fresh pages would cost as much as hashing. */
interface Lane {
  readonly sha: Sha256;
  /** Room for what a frame decompresses to. */
  room: Memory;
  busy: boolean;
  entry: number;
  from: number;
  to: number;
  /** The content, and the part of it that is not hashed yet. */
  plain: Uint8Array;
  memory: Memory;
  at: number;
  left: number;
}

/** One per thread. */
export class SegmentOpener {
  readonly #platform: Platform;
  readonly #sealer: Sealer;
  readonly #blobs: BlobTable;
  readonly #id = new Uint8Array(32);
  readonly #lanes: readonly [Lane, Lane];

  constructor(platform: Platform, sealer: Sealer, blobs: BlobTable) {
    this.#platform = platform;
    this.#sealer = sealer;
    this.#blobs = blobs;
    this.#lanes = [newLane(platform), newLane(platform)];
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
        while (end < to && needs.entries[end] === entry) end++;
        const place = this.#blobs.placeOf(entry)!;
        // A wrong index may let blobs overlap: none is decrypted over one that is not written yet.
        if (place.offset < opened) this.#settle(take);
        opened = Math.max(opened, place.offset + place.length);
        const lane = this.#lanes[0].busy ? this.#lanes[1] : this.#lanes[0];
        lane.entry = entry;
        lane.from = need;
        lane.to = end;
        if (this.#decrypt(lane, segment, place.offset - offset, place)) this.#hash(lane, take);
        else take(need, end, null);
      }
      this.#settle(take);
    } finally {
      for (const lane of this.#lanes) {
        if (lane.busy) lane.sha.digest();
        lane.busy = false;
      }
    }
  }

  /** Leaves the content of a sealed blob in the lane, or returns false if it is damaged; as openBlob() of the repository. */
  #decrypt(lane: Lane, segment: Memory, at: number, place: BlobPlace): boolean {
    const sealed = segment.bytes.subarray(at, at + place.length);
    if (sealed.length < place.length || sealed.length < IV_BYTES + MAC_BYTES) return false;
    const stored = sealed.subarray(IV_BYTES, sealed.length - MAC_BYTES);
    if (!this.#sealer.open(sealed, stored)) return false;
    if (place.uncompressedLength > 0) return this.#decompress(lane, stored, place.uncompressedLength);
    lane.plain = stored;
    lane.memory = segment;
    lane.at = at + IV_BYTES;
    lane.left = stored.length;
    return true;
  }

  #decompress(lane: Lane, stored: Uint8Array, length: number): boolean {
    try {
      if (lane.room.bytes.length < length) {
        lane.room = this.#platform.memory(roomOf(Math.max(length, FIRST_PLAIN_BYTES)));
      }
      const plain = this.#platform.zstdDecompress(stored, length, lane.room.bytes);
      lane.plain = plain;
      lane.memory = plain.buffer === lane.room.bytes.buffer ? lane.room : this.#platform.memory(plain);
      lane.at = 0;
      lane.left = length;
      return plain.length === length;
    } catch {
      return false;
    }
  }

  #hash(lane: Lane, take: TakeBlob): void {
    if (lane.left < LEAST_BESIDE) {
      this.#tell(lane, this.#platform.sha256At(lane.memory, lane.at, lane.left), take);
      return;
    }
    lane.busy = true;
    const [first, second] = this.#lanes;
    if (!first.busy || !second.busy) return;
    const [short, long] = first.left <= second.left ? [first, second] : [second, first];
    // The longer one stays at the end of a block, where a hash has nothing to put aside.
    const common = short.left === long.left ? long.left : short.left - (short.left % BLOCK_BYTES);
    this.#platform.sha256Both(short.sha, short.memory, short.at, short.left, long.sha, long.memory, long.at, common);
    long.at += common;
    long.left -= common;
    short.left = 0;
    this.#end(short, take);
    if (long.left === 0) this.#end(long, take);
  }

  /** Ends what is under way. */
  #settle(take: TakeBlob): void {
    for (const lane of this.#lanes) if (lane.busy) this.#end(lane, take);
  }

  #end(lane: Lane, take: TakeBlob): void {
    if (lane.left > 0) lane.sha.updateAt(lane.memory, lane.at, lane.left);
    lane.busy = false;
    this.#tell(lane, lane.sha.digest(), take);
  }

  #tell(lane: Lane, digest: Uint8Array, take: TakeBlob): void {
    this.#blobs.idOf(lane.entry, this.#id);
    take(lane.from, lane.to, Buffer.compare(digest, this.#id) === 0 ? lane.plain : null);
  }
}

const NOTHING: Memory = { bytes: new Uint8Array(0), address: 0 };

function newLane(platform: Platform): Lane {
  return {
    sha: platform.sha256Stream(),
    room: NOTHING,
    busy: false,
    entry: 0,
    from: 0,
    to: 0,
    plain: NOTHING.bytes,
    memory: NOTHING,
    at: 0,
    left: 0,
  };
}

/**
 * Returns memory that is not cleared. A plain Uint8Array, as what comes from afar is: code that was compiled for one kind of
 * array is compiled anew when it meets another.
 */
export function roomOf(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
}
