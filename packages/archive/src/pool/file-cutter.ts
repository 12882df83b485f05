/**
 * Reads a range of an open file into the scanner's arena and hands out its chunks, cut as restic cuts them.
 * Bytes are read once, into the memory that they are scanned, hashed and compressed in. After each chunk the little that
 * was read ahead moves to the front, so that only memory that is warm in the cache is used again.
 */
import { readSync } from 'node:fs';
import { type ChunkScanner, dropPages, MAX_CHUNK, MIN_CHUNK, nextData } from '@hostark/kernels';
import { beginsWithZeroChunk } from './zero-chunk.ts';

/** Bytes per read call beyond what the smallest chunk needs. */
const READ_STEP = 512 * 1024;
/** The arena holds the longest chunk and one read ahead. */
export const ARENA_BYTES: number = MAX_CHUNK + READ_STEP;

/** Whole pages of the arena that stay; more than the longest read ahead. */
const KEPT_BYTES: number = MAX_CHUNK / 2;

/**
 * Stores one chunk, the first `length` bytes of the arena; they stay there until the returned promise settles. `zeros`: they are
 * known to be MIN_CHUNK zeros.
 */
export type ChunkSink = (length: number, zeros: boolean) => Promise<void> | undefined;

export interface FileRange {
  readonly from: number;
  /** A certain cut where the range ends, or null for the end of the file, wherever it turns out to be. */
  readonly end: number | null;
  /** What fstat said when the file was opened: saves a read, is not believed otherwise. */
  readonly fileSize: number;
}

/** Cuts ranges of files in one arena. Not for use by two jobs at once. */
export class FileCutter {
  readonly #scanner: ChunkScanner;

  constructor(scanner: ChunkScanner) {
    this.#scanner = scanner;
  }

  /**
   * Passes each chunk of the range to `sink`, in order, and returns the number of bytes passed; stops early, without an
   * error, when `stopped` says so. If the file changed and no cut falls on `range.end` any more, a chunk ends there all
   * the same. Throws what the system says.
   */
  async cut(fd: number, range: FileRange, sink: ChunkSink, stopped: () => boolean): Promise<number> {
    const scanner = this.#scanner;
    const source = new RangeSource(fd, range, scanner.arena);
    let passed = 0;
    source.fill(firstRead(range));
    while (source.filled > 0 && !stopped()) {
      const zeros = beginsWithZeroChunk(scanner.arena, source.filled);
      let end = zeros ? MIN_CHUNK : scanner.cut(0, source.filled, source.ended);
      while (end === 0) {
        const scanned = source.filled;
        source.fill(scanned + READ_STEP);
        end = scanner.cut(0, source.filled, source.ended, scanned);
      }
      const done = sink(end, zeros);
      if (done !== undefined) await done;
      passed += end;
      source.drop(end);
      // One chunk in fifty is longer: its memory is given back.
      if (end > KEPT_BYTES) dropPages(scanner.arena.subarray(KEPT_BYTES));
      if (zeros) passed += await passHole(source, sink, stopped);
      source.fill(MIN_CHUNK + READ_STEP);
    }
    return passed;
  }
}

/** Passes the chunks of a hole that goes on where the source is, unread; returns their bytes. One such chunk was passed before. */
async function passHole(source: RangeSource, sink: ChunkSink, stopped: () => boolean): Promise<number> {
  const chunks = source.zeroChunksAhead();
  let passed = 0;
  for (; passed < chunks && !stopped(); passed++) {
    const done = sink(MIN_CHUNK, true);
    if (done !== undefined) await done;
  }
  source.skip(passed * MIN_CHUNK);
  return passed * MIN_CHUNK;
}

/** One byte more than a small file has, so that the same read sees its end. */
function firstRead(range: FileRange): number {
  return Math.min(Math.max(range.fileSize - range.from, 0) + 1, MIN_CHUNK + READ_STEP);
}

/** The front of an arena as a window over a range of a file. */
class RangeSource {
  /** Valid bytes, from the arena's start. */
  filled = 0;
  /** No more bytes will come. */
  ended = false;
  readonly #fd: number;
  readonly #arena: Uint8Array;
  readonly #limit: number;
  readonly #fileSize: number;
  /** In the file, of arena[filled]. */
  #position: number;

  constructor(fd: number, range: FileRange, arena: Uint8Array) {
    this.#fd = fd;
    this.#arena = arena;
    this.#position = range.from;
    this.#limit = range.end ?? Number.POSITIVE_INFINITY;
    this.#fileSize = range.fileSize;
  }

  /** Reads until `wanted` bytes are valid or none are left. */
  fill(wanted: number): void {
    const upTo = Math.min(wanted, this.#arena.length);
    while (this.filled < upTo && !this.ended) {
      const ask = Math.min(upTo - this.filled, this.#limit - this.#position);
      const got = ask === 0 ? 0 : readSync(this.#fd, this.#arena, this.filled, ask, this.#position);
      this.filled += got;
      this.#position += got;
      // A short read at the known size is the end; anywhere else (a network file system, a file that shrank) it asks again.
      this.ended = got === 0 || this.#position === this.#limit || (got < ask && this.#position === this.#fileSize);
    }
  }

  /** How many chunks of zeros fit into the hole that the valid bytes and those behind them are in; 0 outside of holes. */
  zeroChunksAhead(): number {
    const data = nextData(this.#fd, this.#position - this.filled);
    const end = Math.min(data, this.#limit, this.#fileSize);
    return Math.max(0, Math.floor((end - this.#position) / MIN_CHUNK));
  }

  /** Goes on `count` bytes further on in a hole: what was read of it stands for as much further on. */
  skip(count: number): void {
    this.#position += count;
  }

  /** Forgets the first `count` bytes. */
  drop(count: number): void {
    this.#arena.copyWithin(0, count, this.filled);
    this.filled -= count;
  }
}
