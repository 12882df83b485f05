/**
 * A ring of requests to the kernel and one of what became of them (io_uring(7)), for one thread. Their memory is the kernel's and is
 * reached by copies: few enough for a batch.
 */
import { CallList } from '../machine/call-list.ts';
import { SYSTEM_CALLS } from '../machine/system-calls.ts';
import { wordsOf, zeroedMemory } from '../memory.ts';
import { MappedMemory } from './mapped-memory.ts';

/** struct io_uring_params (linux/io_uring.h) as words: what is asked for, and the places in the rings that it tells. */
const PARAMS = { FLAGS: 2, FEATURES: 5, SQ_TAIL: 11, SQ_ARRAY: 16, CQ_HEAD: 20, CQ_TAIL: 21, CQES: 25, BYTES: 120 };
/** struct io_uring_sqe and io_uring_cqe, in words. */
export const REQUEST_WORDS = 16;
const COMPLETION_WORDS = 4;

/** IORING_SETUP_COOP_TASKRUN (Linux 5.19): what is done does not interrupt the caller. */
const COOPERATIVE = 1 << 8;
/** IORING_FEAT_SINGLE_MMAP (5.4): both rings are seen at once. */
const BOTH_RINGS = 1;
/** What a ring's descriptor lets see. */
const SEES = { rings: 0, requests: 0x1000_0000 };
/** IORING_ENTER_GETEVENTS. */
const WAIT = 1;
const EINTR = -4;

/** The calls of the list. */
const [SETUP, ENTER] = [0, 1];
const CALLS = 2;

export class Ring {
  readonly #calls: CallList;
  readonly #fd: number;
  readonly #entries: number;
  readonly #params: Int32Array;
  readonly #rings: MappedMemory;
  readonly #requests: MappedMemory;
  readonly #word: Int32Array = new Int32Array(1);
  readonly #wordBytes: Uint8Array = new Uint8Array(this.#word.buffer);
  readonly #completions: Int32Array;
  readonly #completionBytes: Uint8Array;
  #submitted = 0;
  #completed = 0;

  private constructor(calls: CallList, fd: number, entries: number, params: Int32Array, seen: readonly MappedMemory[]) {
    this.#calls = calls;
    this.#fd = fd;
    this.#entries = entries;
    this.#params = params;
    [this.#rings, this.#requests] = seen as [MappedMemory, MappedMemory];
    this.#completions = new Int32Array(2 * entries * COMPLETION_WORDS);
    this.#completionBytes = new Uint8Array(this.#completions.buffer);
    // Requests are taken in their order.
    const order = Uint32Array.from({ length: entries }, (_, i) => i);
    this.#rings.write(params[PARAMS.SQ_ARRAY]!, new Uint8Array(order.buffer));
  }

  /** For up to `entries` requests under way, a power of two. Returns null without machine code, or where the system has or allows none. */
  static create(entries: number): Ring | null {
    const calls = CallList.create(CALLS);
    if (calls === null) return null;
    const params = zeroedMemory(PARAMS.BYTES);
    const words = wordsOf(params);
    calls.write(SETUP, SYSTEM_CALLS.io_uring_setup, entries, params.address);
    for (const flags of [COOPERATIVE, 0]) {
      words[PARAMS.FLAGS] = flags;
      calls.run(SETUP, SETUP + 1);
      if (calls.result(SETUP) >= 0) break;
    }
    const fd = calls.result(SETUP);
    if (fd < 0) return null;
    const rings = (words[PARAMS.FEATURES]! & BOTH_RINGS) === 0 ? null : mapRings(fd, entries, words);
    if (rings !== null) return new Ring(calls, fd, entries, words, rings);
    close(calls, fd);
    return null;
  }

  /** Hands over the first `count` of `requests`, REQUEST_WORDS each, and returns how many were taken. What they name is borrowed until they are done. */
  submit(requests: Int32Array, count: number): number {
    // In one stretch, or two around the end of the ring.
    for (let done = 0, end = 0; done < count; done = end) {
      const place = (this.#submitted + done) % this.#entries;
      end = Math.min(count, done + this.#entries - place);
      this.#requests.write(
        4 * REQUEST_WORDS * place,
        bytesOf(requests.subarray(REQUEST_WORDS * done, REQUEST_WORDS * end)),
      );
    }
    this.#write(PARAMS.SQ_TAIL, this.#submitted + count);
    const taken = Math.max(0, this.#enter(count, 0, 0));
    this.#submitted = (this.#submitted + taken) >>> 0;
    // What was not taken is taken back.
    if (taken < count) this.#write(PARAMS.SQ_TAIL, this.#submitted);
    return taken;
  }

  /** Waits for at least one that is done, and tells of each that is. Throws if the kernel gives no answer. */
  wait(tell: (data: number, result: number) => void): void {
    const error = this.#enter(0, 1, WAIT);
    if (error < 0 && error !== EINTR) throw new Error(`io_uring_enter: error ${-error}`);
    const tail = this.#read(PARAMS.CQ_TAIL);
    this.#rings.read(this.#params[PARAMS.CQES]!, this.#completionBytes);
    for (; this.#completed !== tail; this.#completed = (this.#completed + 1) >>> 0) {
      const at = (this.#completed % (2 * this.#entries)) * COMPLETION_WORDS;
      tell(this.#completions[at]!, this.#completions[at + 2]!);
    }
    this.#write(PARAMS.CQ_HEAD, tail);
  }

  /** Ends the ring, once nothing is under way. */
  close(): void {
    this.#rings.free();
    this.#requests.free();
    close(this.#calls, this.#fd);
  }

  #enter(submit: number, least: number, flags: number): number {
    this.#calls.write(ENTER, SYSTEM_CALLS.io_uring_enter, this.#fd, submit, least, flags, 0, 0);
    this.#calls.run(ENTER, ENTER + 1);
    return this.#calls.result(ENTER);
  }

  #read(place: number): number {
    this.#rings.read(this.#params[place]!, this.#wordBytes);
    return this.#word[0]! >>> 0;
  }

  #write(place: number, value: number): void {
    this.#word[0] = value;
    this.#rings.write(this.#params[place]!, this.#wordBytes);
  }
}

/** Not through Node, which in some threads keeps a list of what it has opened itself, and warns. */
function close(calls: CallList, fd: number): void {
  calls.write(ENTER, SYSTEM_CALLS.close, fd);
  calls.run(ENTER, ENTER + 1);
}

function mapRings(fd: number, entries: number, params: Int32Array): MappedMemory[] | null {
  const ends = [params[PARAMS.SQ_ARRAY]! + 4 * entries, params[PARAMS.CQES]! + 2 * entries * 4 * COMPLETION_WORDS];
  const rings = MappedMemory.ofKernel(fd, SEES.rings, Math.max(...ends));
  const requests = MappedMemory.ofKernel(fd, SEES.requests, 4 * REQUEST_WORDS * entries);
  if (rings !== null && requests !== null) return [rings, requests];
  rings?.free();
  requests?.free();
  return null;
}

function bytesOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
