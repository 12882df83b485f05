/**
 * Verifies a pack piece by piece: what it reads of the pack and opens of a blob is there for others to hash, beside that of
 * other packs. For packs of blobs that are stored as they are, one behind the other.
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
  type Sealer,
  type Sha256,
} from '@hostark/kernels';
import type { BlobTable } from '../blobs/table.ts';
import { ID_BYTES, sameId, toHex } from '../ids.ts';
import { wrongContent, wrongMac } from '../pack/open-blob.ts';
import type { OrderedBlob } from './pack-order.ts';
import { type PackVerdict, type ReadPack, verdictOn } from './verdict.ts';

/** What is opened at once. Measured: half of it costs 2 % more calls, twice of it no fewer. */
const PIECE_BYTES: number = 2048 * OPENER_STEP;

export interface PackStreamTools {
  readonly platform: Platform;
  readonly sealer: Sealer;
  readonly blobs: BlobTable;
}

/** One pack at a time, in memory of its own. */
export class PackStream {
  readonly #tools: PackStreamTools;
  readonly #opener: Opener;
  readonly #packSha: Sha256;
  readonly #blobSha: Sha256;
  readonly #sealed: Memory;
  readonly #plain: Memory;
  readonly #id = new Uint8Array(ID_BYTES);
  #pack: ReadPack | null = null;
  /** How far the pack is read. */
  #at = 0;
  /** Blobs that are done, and how much of the next one's body is. */
  #blobsDone = 0;
  #bodyDone = 0;
  /** Set from the last piece of a blob to settle(): whether its MAC is right. */
  #proven: boolean | null = null;
  #problems: string[] = [];
  #broken: number[] = [];

  /** The opener serves this stream alone. */
  constructor(tools: PackStreamTools, opener: Opener) {
    const { platform } = tools;
    this.#tools = tools;
    this.#opener = opener;
    this.#packSha = platform.sha256Stream();
    this.#blobSha = platform.sha256Stream();
    this.#sealed = platform.memory(new Uint8Array(IV_BYTES + PIECE_BYTES + MAC_BYTES));
    this.#plain = platform.memory(new Uint8Array(PIECE_BYTES));
  }

  begin(pack: ReadPack): void {
    // What an earlier pack left behind when reading it failed.
    this.#packSha.digest();
    this.#blobSha.digest();
    this.#pack = pack;
    this.#at = 0;
    this.#blobsDone = 0;
    this.#bodyDone = 0;
    this.#proven = null;
    this.#problems = [];
    this.#broken = [];
  }

  /** Reads the next piece, and adds what is to be hashed of it to `parts`. Throws what reading throws. */
  advance(parts: HashPart[]): void {
    const blob = this.#pack!.blobs[this.#blobsDone];
    if (blob === undefined) this.#advanceBehindBlobs(parts);
    else this.#advanceBlob(blob, parts);
  }

  /** To be called when what advance() added is hashed. Returns the verdict when the pack is done, else null. */
  settle(): PackVerdict | null {
    const pack = this.#pack!;
    if (this.#proven !== null) this.#settleBlob(pack.blobs[this.#blobsDone++]!, this.#proven);
    if (this.#at < pack.bytes.length) return null;
    return verdictOn(this.#tools, pack, toHex(this.#packSha.digest()), this.#problems, this.#broken);
  }

  #advanceBlob({ length }: OrderedBlob, parts: HashPart[]): void {
    const lead = this.#bodyDone === 0 ? IV_BYTES : 0;
    const left = length - SEAL_OVERHEAD - this.#bodyDone;
    const take = Math.min(left, PIECE_BYTES);
    const trail = take === left ? MAC_BYTES : 0;
    const sealed = this.#read(lead + take + trail, parts);
    if (lead > 0) this.#opener.begin(sealed.subarray(0, IV_BYTES));
    this.#opener.piece(sealed.subarray(lead, lead + take), this.#plain.bytes.subarray(0, take));
    parts.push({ hash: this.#blobSha, memory: this.#plain, at: 0, length: take });
    this.#bodyDone += take;
    if (trail > 0) this.#proven = this.#opener.end(sealed.subarray(lead + take));
  }

  #advanceBehindBlobs(parts: HashPart[]): void {
    this.#read(Math.min(PIECE_BYTES, this.#pack!.bytes.length - this.#at), parts);
  }

  /** Reads the next bytes of the pack, and has them hashed. */
  #read(length: number, parts: HashPart[]): Uint8Array {
    const sealed = this.#sealed.bytes.subarray(0, length);
    this.#pack!.bytes.read(this.#at, sealed);
    this.#at += length;
    parts.push({ hash: this.#packSha, memory: this.#sealed, at: 0, length });
    return sealed;
  }

  #settleBlob({ entry }: OrderedBlob, proven: boolean): void {
    this.#proven = null;
    this.#bodyDone = 0;
    const id = this.#id;
    this.#tools.blobs.idOf(entry, id);
    const digest = this.#blobSha.digest();
    if (proven && sameId(digest, 0, id, 0)) return;
    this.#problems.push((proven ? wrongContent(id, 0, digest) : wrongMac(id, 0)).message);
    this.#broken.push(entry);
  }
}
