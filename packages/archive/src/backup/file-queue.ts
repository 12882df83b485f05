/**
 * Files whose content must be read, on their way to the pool: small ones in batches, large ones in parts, a bounded
 * number at a time. Nobody waits for a single file: whoever asked for it is told when it is done.
 */
import {
  FileColumns,
  type FileRows,
  type FolderScan,
  IDENTITY_WORDS,
  type Stat,
  writeIdentity,
} from '@hostark/kernels';
import { type FilesResult, PART_UNKNOWN, type StoredCounts } from '../pool/jobs.ts';
import type { Pool } from '../pool/pool.ts';
import { type Location, pathOf } from '../walk/paths.ts';
import { type FileOutcome, joinParts, outcomeOf } from './file-outcome.ts';

/** A batch goes when it has one of these. Few enough that all workers end at about the same time. */
const BATCH = { files: 128, bytes: 4 * 1024 * 1024 };
/** An idle worker is not kept waiting for more than this. */
const EARLY_BATCH = { ...BATCH, files: 16 };
/** Files queued before the walk waits, which it may notice up to a slice later: bounds the text that waits for ids. */
const MAX_PENDING = 1024;
/** A part of a large file; finding its start costs a few MiB of scanning. */
const PART_BYTES = 64 * 1024 * 1024;

/** A file by itself. */
export interface PendingFile extends Location {
  readonly stat: Stat;
  readonly done: (outcome: FileOutcome) => void;
}

/** Who asked for several files of a batch. */
export interface FilesOwner {
  /** What became of the files from number `from` to `to` (exclusive), which were sent as `rows`, is known. */
  filesDone(result: FilesResult, rows: FileRows, from: number, to: number): void;
}

/** The files of a batch from number `from` to the next share are someone's. */
interface Share {
  readonly owner: FilesOwner;
  readonly from: number;
}

export class FileQueue {
  readonly #pool: Pool;
  readonly #stored: (counts: StoredCounts) => void;
  readonly #failed: (error: unknown) => void;
  readonly #splits: boolean;
  readonly #batch = new FileColumns(BATCH.files);
  #shares: Share[] = [];
  #pending = 0;
  #waiting: (() => void)[] = [];

  /** `splits`: large files are read by several workers. `failed` gets what ends the backup. */
  constructor(pool: Pool, splits: boolean, stored: (counts: StoredCounts) => void, failed: (error: unknown) => void) {
    this.#pool = pool;
    this.#splits = splits;
    this.#stored = stored;
    this.#failed = failed;
  }

  add(file: PendingFile): void {
    this.#pending++;
    const size = Number(file.stat.size);
    if (this.#splits && size >= 2 * PART_BYTES) {
      void this.#readInParts(file, Math.floor(size / PART_BYTES));
      return;
    }
    this.#shares.push({ owner: new OneFile(file), from: this.#batch.count });
    this.#batch.add(file.directory, file.base, file.stat);
    if (this.#isFull()) this.#sendBatch();
  }

  /** Adds the small new files of the slice that was written last. */
  addNewSmallFiles(scan: FolderScan, owner: FilesOwner): void {
    for (let entry = 0; ; this.#sendBatch()) {
      const from = this.#batch.count;
      entry = scan.newSmallFiles(entry, this.#batch, this.#limits());
      const added = this.#batch.count - from;
      this.#pending += added;
      if (added > 0) this.#shares.push({ owner, from });
      if (!this.#isFull()) return;
    }
  }

  /** Null if more files may come at once, else what to wait for. */
  room(): Promise<void> | null {
    if (this.#pending < MAX_PENDING) return null;
    this.#sendBatch();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Sends what is gathered; the walk has ended. */
  end(): void {
    this.#sendBatch();
  }

  #limits(): typeof BATCH {
    return this.#pool.hasIdle ? EARLY_BATCH : BATCH;
  }

  #isFull(): boolean {
    return this.#batch.reaches(this.#limits());
  }

  #sendBatch(): void {
    if (this.#batch.count === 0) return;
    const shares = this.#shares;
    this.#shares = [];
    void this.#readBatch(this.#batch.take(), shares);
  }

  async #readBatch(rows: FileRows, shares: readonly Share[]): Promise<void> {
    const { paths, pathEnds, identities } = rows;
    try {
      const result = await this.#pool.run({ kind: 'files', paths, pathEnds, identities });
      this.#stored(result.stored);
      for (let i = 0; i < shares.length; i++) {
        const { owner, from } = shares[i]!;
        owner.filesDone(result, rows, from, i + 1 < shares.length ? shares[i + 1]!.from : pathEnds.length);
      }
      this.#settle(pathEnds.length);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #readInParts(file: PendingFile, parts: number): Promise<void> {
    const identity = new Int32Array(IDENTITY_WORDS);
    writeIdentity(file.stat, identity, 0);
    const starts = new BigInt64Array(new SharedArrayBuffer(parts * 8)).fill(PART_UNKNOWN);
    const path = new Uint8Array(pathOf(file));
    const run = async (index: number): Promise<FileOutcome> => {
      const job = { kind: 'part', path, identity, index, partBytes: PART_BYTES, starts } as const;
      const result = await this.#pool.run(job);
      this.#stored(result.stored);
      return outcomeOf(result, 0);
    };
    try {
      const outcomes = await Promise.all(Array.from({ length: parts }, (_, index) => run(index)));
      file.done(joinParts(outcomes));
      this.#settle(1);
    } catch (error) {
      this.#failed(error);
    }
  }

  #settle(files: number): void {
    this.#pending -= files;
    if (this.#pending > MAX_PENDING / 2) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

class OneFile implements FilesOwner {
  readonly #file: PendingFile;

  constructor(file: PendingFile) {
    this.#file = file;
  }

  filesDone(result: FilesResult, _rows: FileRows, from: number): void {
    this.#file.done(outcomeOf(result, from));
  }
}
