/**
 * One large blob after another on its way from a pack to its files, piece by piece: what is read of it is decrypted where it lies, there to
 * be hashed beside those of other lanes, and written. So it is in its files before it is proven: a blob that turns out to be damaged must
 * be written anew, or its files must not be finished.
 */
import {
  type HashPart,
  IV_BYTES,
  MAC_BYTES,
  type Memory,
  OPENER_STEP,
  type Opener,
  type Platform,
  SEAL_OVERHEAD,
  type Sha256,
} from '@hostark/kernels';
import type { BlobTable } from '@hostark/repository';
import type { DirectFile } from '../disk/direct-file.ts';
import type { Writer } from './execute.ts';
import type { Needs } from './plan.ts';

/** A sealed blob, and the needs `from` up to `to` that it is for. */
export interface LargeBlob {
  readonly file: DirectFile;
  /** Where it lies in its pack. */
  readonly offset: number;
  readonly length: number;
  readonly entry: number;
  readonly needs: Needs;
  readonly from: number;
  readonly to: number;
  readonly writer: Writer;
}

/** A stretch of a pack that holds a piece of a blob: the bytes from `position` on, `length` of them, are read to `at`. */
export interface Piece {
  readonly blob: LargeBlob;
  readonly position: number;
  readonly length: number;
  readonly memory: Memory;
  /** Before it there is room for BEFORE_PIECE bytes. */
  readonly at: number;
}

/** What a piece may leave for the next: less than the opener takes, or a part of a MAC. */
const BEFORE_PIECE: number = OPENER_STEP + MAC_BYTES;

export class BlobLane {
  readonly #blobs: BlobTable;
  readonly #opener: Opener;
  readonly #sha: Sha256;
  readonly #id = new Uint8Array(32);
  readonly #carry = new Uint8Array(BEFORE_PIECE);
  #carried = 0;
  /** Of the body: bytes that are written, and those that are still to be opened. */
  #written = 0;
  #left = 0;
  #proven = false;
  #broken = false;
  /** What open() has opened of the piece. */
  #plain: Uint8Array = NOTHING;

  /** The opener serves this lane alone. */
  constructor(platform: Platform, opener: Opener, blobs: BlobTable) {
    this.#blobs = blobs;
    this.#opener = opener;
    this.#sha = platform.sha256Stream();
  }

  /** Opens a piece, of which `read` bytes are there, or a negative errno; pieces of a blob come in order. Returns what is to be hashed. */
  open(piece: Piece, read: number): HashPart | null {
    const { blob, position, memory } = piece;
    const skip = Math.max(0, blob.offset - position);
    const end = Math.min(position + piece.length, blob.offset + blob.length);
    const isFirst = position <= blob.offset;
    if (isFirst) this.#begin(blob);
    if (!this.#broken && position + read < end) this.#broken = !readAgain(piece, end - position);
    if (this.#broken) return null;
    let [at, length] = [piece.at + skip, end - position - skip];
    if (isFirst) {
      this.#opener.begin(memory.bytes.subarray(at, at + IV_BYTES));
      at += IV_BYTES;
      length -= IV_BYTES;
    } else {
      at -= this.#carried;
      length += this.#carried;
      memory.bytes.set(this.#carry.subarray(0, this.#carried), at);
    }
    return this.#openBody(memory, at, length);
  }

  /** Writes what open() has opened to its places, once it is hashed. Returns null before the blob is done; then whether it is right. */
  settle({ blob, position, length }: Piece): boolean | null {
    const plain = this.#plain;
    if (plain.length > 0) {
      const { needs, writer } = blob;
      for (let i = blob.from; i < blob.to; i++) {
        writer.write(needs.rows[i]!, needs.offsets[i]! + this.#written, plain);
      }
      this.#written += plain.length;
      this.#plain = NOTHING;
    }
    if (position + length < blob.offset + blob.length) return null;
    if (this.#broken || !this.#proven) return false;
    this.#blobs.idOf(blob.entry, this.#id);
    return Buffer.compare(this.#sha.digest(), this.#id) === 0;
  }

  #begin(blob: LargeBlob): void {
    // What a broken blob left behind.
    this.#sha.digest();
    this.#carried = 0;
    this.#written = 0;
    this.#left = blob.length - SEAL_OVERHEAD;
    this.#proven = false;
    this.#broken = false;
  }

  /** Opens as much of the body as may be at once, of the `length` bytes from `at` on, and keeps the rest for the next piece. */
  #openBody(memory: Memory, at: number, length: number): HashPart {
    const isLast = length >= this.#left + MAC_BYTES;
    const take = isLast ? this.#left : wholeSteps(Math.min(length, this.#left));
    const plain = memory.bytes.subarray(at, at + take);
    this.#opener.piece(plain, plain);
    this.#plain = plain;
    this.#left -= take;
    const rest = memory.bytes.subarray(at + take, at + length);
    if (isLast) this.#proven = this.#opener.end(rest.subarray(0, MAC_BYTES));
    else this.#carry.set(rest);
    this.#carried = rest.length;
    return { hash: this.#sha, memory, at, length: take };
  }
}

const NOTHING: Uint8Array = new Uint8Array(0);

function wholeSteps(bytes: number): number {
  return bytes - (bytes % OPENER_STEP);
}

/** A read can be interrupted, or refused for want of alignment: here is another chance. Returns whether the bytes are there. */
function readAgain({ blob, memory, at, position }: Piece, length: number): boolean {
  try {
    return blob.file.readPlain(memory.bytes.subarray(at, at + length), position);
  } catch {
    return false;
  }
}
