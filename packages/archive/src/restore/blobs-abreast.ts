/**
 * Large blobs of packs in a folder, sixteen abreast: a piece of each is read, opened, hashed beside the others and written, while the disk
 * is asked for the next. Hashing costs half of what it costs two at a time, and pieces stay in a cache.
 */
import { type HashPart, type Platform, RingReads, SEAL_OVERHEAD, type SealingKey } from '@hostark/kernels';
import type { BlobTable } from '@hostark/repository';
import { DirectFile } from '../disk/direct-file.ts';
import { breathe } from '../pool/cpu-limit.ts';
import { BlobLane, type LargeBlob } from './blob-lane.ts';
import { damagedWhole, type SegmentOutcome, type Share, Writer, type WriterTools } from './execute.ts';
import type { SegmentSource } from './job.ts';
import { PieceRounds, ROUNDS, type Round } from './piece-rounds.ts';
import { endOfBlob } from './plan.ts';
import { FLAG_PART, FLAG_PATCH, FLAG_SPARSE } from './rows.ts';

/** As many as the processor hashes at once. */
const LANES = 16;
/** Shorter blobs end so often that the others wait for them. */
const LEAST_BLOB_BYTES: number = 256 << 10;

/** A segment of a pack in a folder. */
export interface FileSegment extends Share {
  readonly source: SegmentSource & { readonly kind: 'file' };
}

interface Running {
  readonly damaged: number[];
  readonly file: DirectFile;
  readonly writer: Writer;
  /** Blobs that are not done. */
  left: number;
  readonly resolve: (outcome: SegmentOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread's. */
export class BlobsAbreast {
  readonly #tools: WriterTools;
  readonly #platform: Platform;
  readonly #blobs: BlobTable;
  readonly #lanes: readonly BlobLane[];
  readonly #rounds: PieceRounds;
  readonly #waiting: LargeBlob[] = [];
  readonly #segments = new Map<Writer, Running>();
  #isWorking = false;
  #isClosed = false;

  private constructor(tools: WriterTools, blobs: BlobTable, lanes: readonly BlobLane[], reads: RingReads) {
    this.#tools = tools;
    this.#platform = tools.platform;
    this.#blobs = blobs;
    this.#lanes = lanes;
    this.#rounds = new PieceRounds(reads, tools.platform, LANES, () => this.#waiting.shift() ?? null);
  }

  /** Returns null where messages cannot be opened in pieces, or files not be read so. */
  static create(tools: WriterTools, blobs: BlobTable, key: SealingKey): BlobsAbreast | null {
    const lanes: BlobLane[] = [];
    for (let i = 0; i < LANES; i++) {
      const opener = tools.platform.opener(key);
      if (opener === null) return null;
      lanes.push(new BlobLane(tools.platform, opener, blobs));
    }
    const reads = RingReads.create(ROUNDS * LANES);
    return reads && new BlobsAbreast(tools, blobs, lanes, reads);
  }

  /**
   * Whether a segment goes this way: large blobs, stored as they are, for files that may hold what is not proven yet: such as are begun
   * under a name of ours, and in which nothing is left out.
   */
  static suits({ rows, needs, from, to }: Share, blobs: BlobTable): boolean {
    let bytes = 0;
    for (let need = from; need < to; need++) {
      if ((rows.flags[needs.rows[need]!]! & (FLAG_PART | FLAG_PATCH | FLAG_SPARSE)) !== FLAG_PART) return false;
      const { length, uncompressedLength } = blobs.placeOf(needs.entries[need]!)!;
      if (uncompressedLength > 0 || length < SEAL_OVERHEAD) return false;
      bytes += length;
    }
    return bytes >= LEAST_BLOB_BYTES * (to - from);
  }

  /** To be called once no further segment comes. */
  close(): void {
    this.#isClosed = true;
    if (!this.#isWorking) this.#rounds.close();
  }

  /** Writes a segment that suits. Rejects for errors of ours, not of the repository. */
  run(segment: FileSegment): Promise<SegmentOutcome> {
    let file: DirectFile;
    try {
      file = new DirectFile(segment.source.path);
    } catch {
      return Promise.resolve(damagedWhole(segment));
    }
    return new Promise((resolve, reject) => {
      const writer = new Writer(this.#tools, segment.rows);
      const blobs = this.#blobsOf(segment, file, writer);
      this.#segments.set(writer, { damaged: [], file, writer, left: blobs.length, resolve, reject });
      this.#waiting.push(...blobs);
      if (!this.#isWorking) void this.#work();
    });
  }

  #blobsOf({ needs, from, to }: Share, file: DirectFile, writer: Writer): LargeBlob[] {
    const blobs: LargeBlob[] = [];
    for (let need = from, end = from; need < to; need = end) {
      const entry = needs.entries[need]!;
      end = endOfBlob(needs, need, to);
      const { offset, length } = this.#blobs.placeOf(entry)!;
      blobs.push({ file, offset, length, entry, needs, from: need, to: end, writer });
    }
    return blobs;
  }

  /** Works until nothing is left. */
  async #work(): Promise<void> {
    this.#isWorking = true;
    while (this.#waiting.length > 0) await this.#writeWaiting();
    this.#isWorking = false;
    if (this.#isClosed) this.#rounds.close();
  }

  async #writeWaiting(): Promise<void> {
    try {
      for (let round = await this.#rounds.next(); round !== null; round = await this.#rounds.next()) {
        breathe();
        this.#write(round);
      }
    } catch (error) {
      // Before that nobody may close the files.
      await this.#rounds.giveUp();
      this.#failAll(error);
    }
  }

  #write({ pieces, results }: Round): void {
    const parts: HashPart[] = [];
    for (const [i, { piece, lane }] of pieces.entries()) {
      const part = this.#lanes[lane]!.open(piece, results[i]!);
      if (part !== null) parts.push(part);
    }
    this.#platform.sha256Together(parts);
    for (const { piece, lane } of pieces) {
      const isRight = this.#lanes[lane]!.settle(piece);
      if (isRight !== null) this.#settle(piece.blob, isRight);
    }
  }

  #settle({ writer, from }: LargeBlob, isRight: boolean): void {
    const segment = this.#segments.get(writer)!;
    if (!isRight) segment.damaged.push(from);
    if (--segment.left > 0) return;
    this.#close(segment);
    segment.resolve({ damaged: segment.damaged.sort((a, b) => a - b), troubles: writer.troubles });
  }

  #close({ writer, file }: Running): void {
    this.#segments.delete(writer);
    writer.close();
    file.close();
  }

  #failAll(error: unknown): void {
    this.#waiting.length = 0;
    for (const segment of [...this.#segments.values()]) {
      this.#close(segment);
      segment.reject(error);
    }
  }
}
