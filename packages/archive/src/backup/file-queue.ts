/**
 * Files whose content must be read, on their way to the pool: small ones in batches, large ones in parts, a bounded
 * number at a time. Nobody waits for a single file: each says what to do when it is done.
 */
import { IDENTITY_WORDS, type Stat, writeIdentity } from '@hostark/kernels';
import { type BlobId, blobId, ID_BYTES } from '@hostark/repository';
import {
  FILE_CHANGED,
  FILE_FAILED,
  FILE_SAVED,
  FILE_STOPPED,
  FILE_VANISHED,
  type FilesResult,
  PART_UNKNOWN,
  type StoredCounts,
} from '../pool/jobs.ts';
import type { Pool } from '../pool/pool.ts';
import { type Location, pathOf } from '../walk/paths.ts';

/** A batch goes when it has one of these. Few enough that all workers end at about the same time. */
const BATCH_FILES = 128;
const BATCH_BYTES = 4 * 1024 * 1024;
/** An idle worker is not kept waiting for more than this. */
const LEAST_BATCH_FILES = 16;
/** Files queued before the walk waits: bounds the nodes in memory. */
const MAX_PENDING = 1024;
/** A part of a large file; finding its start costs a few MiB of scanning. */
const PART_BYTES = 64 * 1024 * 1024;

const SLASH = 0x2f;

export type FileOutcome =
  | {
      readonly kind: 'saved';
      /** Size or times changed while it was read. */
      readonly changed: boolean;
      readonly content: readonly BlobId[];
      readonly size: number;
      /** The open file's stat if it was not what lstat had seen. */
      readonly fresh: Stat | null;
    }
  | { readonly kind: 'failed'; readonly during: string; readonly message: string }
  | { readonly kind: 'vanished' }
  | { readonly kind: 'stopped' };

export interface PendingFile extends Location {
  readonly stat: Stat;
  readonly done: (outcome: FileOutcome) => void;
}

export class FileQueue {
  readonly #pool: Pool;
  readonly #stored: (counts: StoredCounts) => void;
  readonly #failed: (error: unknown) => void;
  readonly #splits: boolean;
  #batch: PendingFile[] = [];
  #batchBytes = 0;
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
    this.#batch.push(file);
    this.#batchBytes += size;
    const full = this.#batch.length >= BATCH_FILES || this.#batchBytes >= BATCH_BYTES;
    if (full || (this.#pool.hasIdle && this.#batch.length >= LEAST_BATCH_FILES)) this.#sendBatch();
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

  #sendBatch(): void {
    if (this.#batch.length === 0) return;
    const files = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    void this.#readBatch(files);
  }

  async #readBatch(files: readonly PendingFile[]): Promise<void> {
    const pathEnds = new Uint32Array(files.length);
    const identities = new Int32Array(files.length * IDENTITY_WORDS);
    let length = 0;
    for (let i = 0; i < files.length; i++) {
      const { directory, base, stat } = files[i]!;
      length += directory.length + 1 + base.length;
      pathEnds[i] = length++;
      writeIdentity(stat, identities, i * IDENTITY_WORDS);
    }
    const paths = new Uint8Array(length);
    for (let i = 0; i < files.length; i++) putPath(files[i]!, paths, pathEnds[i]!);
    try {
      const result = await this.#pool.run({ kind: 'files', paths, pathEnds, identities });
      this.#stored(result.stored);
      for (let i = 0; i < files.length; i++) files[i]!.done(outcomeOf(result, i));
      this.#settle(files.length);
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

  /** Lets a waiting walk go on; it finds out by itself that the backup has ended. */
  release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Writes the path so that it ends at `end`. The root makes `//name`, which means the same. */
function putPath({ directory, base }: Location, paths: Uint8Array, end: number): void {
  const baseAt = end - base.length;
  paths.set(base, baseAt);
  paths[baseAt - 1] = SLASH;
  paths.set(directory, baseAt - 1 - directory.length);
}

function outcomeOf(result: FilesResult, file: number): FileOutcome {
  const status = result.status[file]!;
  if (status === FILE_VANISHED) return { kind: 'vanished' };
  if (status === FILE_STOPPED) return { kind: 'stopped' };
  if (status === FILE_FAILED) {
    const failure = result.failures.find((row) => row.file === file);
    return { kind: 'failed', during: failure?.during ?? 'read', message: failure?.message ?? 'unknown error' };
  }
  if (status !== FILE_SAVED && status !== FILE_CHANGED) throw new Error(`a worker answered with status ${status}`);
  const content: BlobId[] = [];
  const end = result.chunkEnds[file]!;
  const ids = Buffer.from(result.ids.buffer, result.ids.byteOffset, result.ids.length);
  for (let chunk = file === 0 ? 0 : result.chunkEnds[file - 1]!; chunk < end; chunk++) {
    content.push(blobId(ids.toString('hex', chunk * ID_BYTES, (chunk + 1) * ID_BYTES)));
  }
  const fresh = result.fresh.find((row) => row.file === file)?.stat ?? null;
  return { kind: 'saved', changed: status === FILE_CHANGED, content, size: result.sizes[file]!, fresh };
}

/**
 * The whole from its parts, in order. One part that is not saved speaks for the file. Parts that found different files
 * make one that changed, with the oldest facts: with newer ones the next run would take a mixture for the file itself.
 */
function joinParts(parts: readonly FileOutcome[]): FileOutcome {
  const content: BlobId[] = [];
  let size = 0;
  let changed = false;
  let fresh: Stat | null | undefined;
  for (const part of parts) {
    if (part.kind !== 'saved') return part;
    for (const id of part.content) content.push(id);
    size += part.size;
    changed ||= part.changed || (fresh !== undefined && !sameFacts(fresh, part.fresh));
    fresh = fresh === undefined ? part.fresh : olderFacts(fresh, part.fresh);
  }
  return { kind: 'saved', changed, content, size, fresh: fresh ?? null };
}

/** Null stands for what lstat saw, which was before all else. */
function olderFacts(a: Stat | null, b: Stat | null): Stat | null {
  if (a === null || b === null) return null;
  return a.ctimeNs <= b.ctimeNs ? a : b;
}

function sameFacts(a: Stat | null, b: Stat | null): boolean {
  if (a === null || b === null) return a === b;
  const sameTimes = a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
  return sameTimes && a.size === b.size && a.ino === b.ino && a.dev === b.dev;
}
