/**
 * Where the parts of a large file start: sync points (sync-point.ts) found by whichever worker needs one first and kept in
 * shared memory. The search depends on the file's bytes alone, so that two workers that search at once find the same.
 */
import { type ChunkScanner, MIN_CHUNK, WINDOW } from '@hostark/kernels';
import { readFully } from '../disk/read-fully.ts';
import { PART_NONE, PART_UNKNOWN } from './jobs.ts';
import { type CandidateSource, findSyncPoint } from './sync-point.ts';

/** Bytes scanned per step. */
const STEP = 1024 * 1024;
/** On random data a few MiB are enough; data that needs more than this has too little structure to be split here. */
const SEARCH_LIMIT = 24 * STEP;
/** Candidates kept per step; more (runs of zeros) never lead to a sync point. */
const DENSEST = 4096;

export interface PartedFile {
  readonly fd: number;
  readonly partBytes: number;
  readonly starts: BigInt64Array;
}

/** Returns where part `index` starts, or null if it has no start of its own. Uses the scanner's arena. */
export function partStart(file: PartedFile, index: number, scanner: ChunkScanner): number | null {
  if (index === 0) return 0;
  const known = Atomics.load(file.starts, index);
  if (known !== PART_UNKNOWN) return known === PART_NONE ? null : Number(known);
  const anchor = index * file.partBytes;
  const found = findSyncPoint(anchor, anchor + file.partBytes, new FileCandidates(file.fd, anchor, scanner));
  const value = found === null ? PART_NONE : BigInt(found);
  // A file that changes may show two searchers different things: the first answer stands for all.
  const before = Atomics.compareExchange(file.starts, index, PART_UNKNOWN, value);
  const settled = before === PART_UNKNOWN ? value : before;
  return settled === PART_NONE ? null : Number(settled);
}

/** Returns where part `index` ends: at the next part that has a start, or null for the end of the file. */
export function partEnd(file: PartedFile, index: number, scanner: ChunkScanner): number | null {
  for (let next = index + 1; next < file.starts.length; next++) {
    const start = partStart(file, next, scanner);
    if (start !== null) return start;
  }
  return null;
}

/** Candidates of a file from some position on, found step by step as they are asked for. */
class FileCandidates implements CandidateSource {
  exhausted = false;
  readonly #fd: number;
  readonly #scanner: ChunkScanner;
  readonly #found: number[] = [];
  readonly #out = new Uint32Array(DENSEST);
  readonly #limit: number;
  /** All candidates up to here are in #found. */
  #scanned: number;

  constructor(fd: number, anchor: number, scanner: ChunkScanner) {
    this.#fd = fd;
    this.#scanner = scanner;
    // No chunk that starts at or after the anchor ends before this.
    this.#scanned = anchor + MIN_CHUNK - 1;
    this.#limit = anchor + SEARCH_LIMIT;
  }

  next(from: number, limit: number): number | null {
    for (;;) {
      const candidate = this.#found.find((position) => position >= from);
      if (candidate !== undefined) return candidate <= limit ? candidate : null;
      if (this.#scanned >= limit) return null;
      this.#scanStep();
      if (this.exhausted) return null;
    }
  }

  /** Scans the positions (scanned, scanned + STEP]. Gives up at the end of the file: what follows it is not known. */
  #scanStep(): void {
    const context = WINDOW - 1;
    const { arena } = this.#scanner;
    const wanted = context + STEP;
    const base = this.#scanned - context;
    const all = readFully(this.#fd, arena.subarray(0, wanted), base);
    const count = all ? this.#scanner.candidates(context, wanted, this.#out) : DENSEST;
    if (count === DENSEST || this.#scanned >= this.#limit) {
      this.exhausted = true;
      return;
    }
    for (let i = 0; i < count; i++) this.#found.push(base + this.#out[i]!);
    this.#scanned += STEP;
  }
}
