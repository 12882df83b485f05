/**
 * Reads of many places of files that are under way together while the caller computes: one crossing hands them over, and none needs a
 * thread that waits for it and must find a core free when it is done.
 */
import { setImmediate } from 'node:timers/promises';
import { expectInside, type Memory, put64 } from '../memory.ts';
import { REQUEST_WORDS, Ring } from './ring.ts';

/** struct io_uring_sqe (linux/io_uring.h), in words; the first byte is IORING_OP_READ (Linux 5.6). */
const REQUEST = { CODE: 0, FD: 1, OFFSET: 2, BUFFER: 4, LENGTH: 6, DATA: 8 };
const READ = 22;
const EIO = -5;

/** Reads that were begun together. */
export interface ReadsUnderWay {
  /** What each came to, once all are done: bytes, fewer than wanted where the file ends, or a negative errno. */
  readonly results: readonly number[];
  /** How many are not done. */
  readonly left: number;
}

interface Run extends ReadsUnderWay {
  readonly results: number[];
  left: number;
}

export class RingReads {
  readonly #ring: Ring;
  readonly #requests: Int32Array;
  #added = 0;
  /** Whose read it is, by the number that it has while it is under way, and its place among the results. */
  readonly #runs: (Run | null)[];
  readonly #indices: number[] = [];

  private constructor(ring: Ring, most: number) {
    this.#ring = ring;
    this.#requests = new Int32Array(most * REQUEST_WORDS);
    this.#runs = new Array<Run | null>(most).fill(null);
  }

  /** For up to `most` reads under way at a time, a power of two. Returns null where the system has or allows none such. */
  static create(most: number): RingReads | null {
    const ring = Ring.create(most);
    return ring && new RingReads(ring, most);
  }

  /** Adds a read of `length` bytes from `position` of an open file to `at` of `memory`: both are borrowed until it is done. */
  add(fd: number, memory: Memory, at: number, length: number, position: number): void {
    expectInside(memory, at, length);
    const words = this.#requests;
    const request = REQUEST_WORDS * this.#added++;
    if (request === words.length) throw new RangeError(`expected at most ${this.#runs.length} reads`);
    words[request + REQUEST.CODE] = READ;
    words[request + REQUEST.FD] = fd;
    put64(words, request + REQUEST.OFFSET, position);
    put64(words, request + REQUEST.BUFFER, memory.address + at);
    words[request + REQUEST.LENGTH] = length;
  }

  /** As begin() and finish(); messages are let through in between. */
  async run(): Promise<readonly number[]> {
    const run = this.begin();
    await setImmediate();
    return this.finish(run);
  }

  /** Ends it, once nothing is under way. */
  close(): void {
    this.#ring.close();
  }

  /** Begins what was added since the last call. */
  begin(): ReadsUnderWay {
    const count = this.#added;
    this.#added = 0;
    const run: Run = { results: new Array<number>(count).fill(EIO), left: 0 };
    for (let i = 0, number = 0; i < count; i++, number++) {
      number = this.#runs.indexOf(null, number);
      if (number < 0) throw new RangeError(`expected at most ${this.#runs.length} reads under way`);
      this.#requests[i * REQUEST_WORDS + REQUEST.DATA] = number;
      this.#runs[number] = run;
      this.#indices[number] = i;
    }
    run.left = this.#ring.submit(this.#requests, count);
    // Those that were not taken stay as they are: failed.
    for (let i = run.left; i < count; i++) this.#runs[this.#requests[i * REQUEST_WORDS + REQUEST.DATA]!] = null;
    return run;
  }

  /** Returns what each read came to, in the order in which they were added. Holds up the calling thread until the disk has answered. */
  finish(run: ReadsUnderWay): readonly number[] {
    while (run.left > 0) this.#ring.wait((number, result) => this.#settle(number, result));
    return run.results;
  }

  #settle(number: number, result: number): void {
    const run = this.#runs[number]!;
    this.#runs[number] = null;
    run.results[this.#indices[number]!] = result;
    run.left--;
  }
}
