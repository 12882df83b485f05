/**
 * Packs in a folder that are read from their beginnings to their ends, several by turns, past the page cache (O_DIRECT): of each the
 * next stretch is under way while the caller works on the last one. What is read once costs no page that way, and the disk puts it
 * where it is wanted.
 */
import { fstatSync } from 'node:fs';
import { largePagesOfMemory, type Memory, type Platform, type ReadsUnderWay, RingReads } from '@hostark/kernels';
import type { PackBytes } from '@hostark/repository';
import { DirectFile } from './direct-file.ts';

/** What the disk is asked for at once: two for each pack stay in a cache, and calls do not count. */
const STRETCH_BYTES: number = 256 << 10;
/** One that is worked on, and one that is under way. */
const STRETCHES = 2;

/** A pack that is read from its beginning to its end; to be closed. */
export interface PackSource extends PackBytes {
  close(): void;
}

/** One thread's. */
export class PackStreams {
  readonly #reads: RingReads;
  readonly #memory: Memory;
  /** Where the stretches of packs begin that are not open. */
  readonly #idle: number[];

  private constructor(reads: RingReads, platform: Platform, most: number) {
    this.#reads = reads;
    this.#memory = platform.memory(largePagesOfMemory(most * STRETCHES * STRETCH_BYTES));
    this.#idle = Array.from({ length: most }, (_, i) => i * STRETCHES * STRETCH_BYTES);
  }

  /** For up to `most` packs that are open at once. Returns null where the system has or allows no such reads. */
  static create(platform: Platform, most: number): PackStreams | null {
    const reads = RingReads.create(2 ** Math.ceil(Math.log2(most * STRETCHES)));
    return reads && new PackStreams(reads, platform, most);
  }

  /** Whether create() would give some. */
  static get areAvailable(): boolean {
    const reads = RingReads.create(1);
    reads?.close();
    return reads !== null;
  }

  /** Opens a pack and has the disk begin with it. Throws errno errors; RangeError if there are too many. */
  open(path: string): PackSource {
    const room = this.#idle.at(-1);
    if (room === undefined) throw new RangeError('expected fewer packs to be open');
    const file = new DirectFile(path);
    this.#idle.pop();
    return new PackStream(this.#reads, this.#memory, room, file, () => this.#idle.push(room));
  }

  /** Ends it, once all packs are closed. */
  close(): void {
    this.#reads.close();
  }
}

/** Bytes of a pack in memory, or on their way there. */
interface Stretch {
  readonly room: number;
  readonly position: number;
  readonly read: ReadsUnderWay;
}

class PackStream implements PackSource {
  readonly length: number;
  readonly #reads: RingReads;
  readonly #memory: Memory;
  readonly #file: DirectFile;
  readonly #closed: () => void;
  /** The first one is worked on once it is there. */
  readonly #stretches: Stretch[] = [];
  /** Where the one at hand begins and ends; before the first one has come: 0. */
  #start = 0;
  #end = 0;
  #asked = 0;
  /** Whether this way leads no further. */
  #isBlocked = false;

  constructor(reads: RingReads, memory: Memory, room: number, file: DirectFile, closed: () => void) {
    this.#reads = reads;
    this.#memory = memory;
    this.#file = file;
    this.#closed = closed;
    this.length = fstatSync(file.fd).size;
    for (let i = 0; i < STRETCHES; i++) this.#ask(room + i * STRETCH_BYTES);
  }

  /** Throws errno errors, and RangeError if the file ends before `out` is full. Quick for who goes forward. */
  read(offset: number, out: Uint8Array): void {
    for (let done = 0; done < out.length; ) done += this.#readSome(offset + done, out.subarray(done));
  }

  close(): void {
    for (const { read } of this.#stretches) this.#reads.finish(read);
    this.#file.close();
    this.#closed();
  }

  /** Returns how many bytes it has read. */
  #readSome(position: number, out: Uint8Array): number {
    if (position >= this.#end && !this.#isBlocked) this.#next();
    // Behind are headers, which are read once all is.
    if (position < this.#start || this.#isBlocked) {
      if (!this.#file.readPlain(out, position)) throw new RangeError('the file ended early');
      return out.length;
    }
    const count = Math.max(0, Math.min(out.length, this.#end - position));
    const from = this.#stretches[0]!.room + position - this.#start;
    out.set(this.#memory.bytes.subarray(from, from + count));
    return count;
  }

  /** Waits for the next stretch, and asks for another in the place of the one that is done with. */
  #next(): void {
    if (this.#end > 0) this.#ask(this.#stretches.shift()!.room);
    const stretch = this.#stretches[0];
    const count = stretch === undefined ? 0 : this.#reads.finish(stretch.read)[0]!;
    const wanted = stretch === undefined ? 1 : Math.min(STRETCH_BYTES, this.length - stretch.position);
    // A disk with larger blocks, one that fails, a file that became shorter: plain reads go on, or say what is wrong.
    this.#isBlocked = count < wanted;
    if (this.#isBlocked) return;
    this.#start = stretch!.position;
    this.#end = this.#start + count;
  }

  #ask(room: number): void {
    const position = this.#asked;
    if (position >= this.length) return;
    this.#reads.add(this.#file.fd, this.#memory, room, STRETCH_BYTES, position);
    this.#stretches.push({ room, position, read: this.#reads.begin() });
    this.#asked += STRETCH_BYTES;
  }
}
