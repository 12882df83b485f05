/** The list of packs that the threads of a check share. */
import type { PackList } from './messages.ts';

/** More than there are packs. */
const STOPPED: number = 2 ** 30;

/** Takes packs off the shared list until none is left: each pack is taken once, whoever asks. */
export class PackQueue {
  /** The root of the repository. */
  readonly directory: string;
  readonly #packs: Uint32Array;
  readonly #taken: Int32Array;
  readonly #readers: number;

  constructor({ directory, packs, taken, readers }: PackList) {
    this.directory = directory;
    this.#packs = new Uint32Array(packs);
    this.#taken = new Int32Array(taken);
    this.#readers = readers;
  }

  /** Makes a list of packs for so many readers. */
  static share(directory: string, packs: readonly number[], readers: number): PackList {
    const shared = new SharedArrayBuffer(4 * packs.length);
    new Uint32Array(shared).set(packs);
    return { directory, packs: shared, taken: new SharedArrayBuffer(4), readers };
  }

  /** Returns the place of the next pack in the list, or null. */
  take(): number | null {
    const file = Atomics.add(this.#taken, 0, 1);
    return file < this.#packs.length ? file : null;
  }

  /** Returns the number of a pack in the table. */
  packAt(file: number): number {
    return this.#packs[file]!;
  }

  /** Returns the number of the pack that somebody takes when the one at `file` is done, or null. */
  packAfter(file: number): number | null {
    return this.#packs[file + this.#readers] ?? null;
  }

  /** How many packs there are for each reader. */
  get fairShare(): number {
    return Math.ceil(this.#packs.length / this.#readers);
  }

  /** Leaves nothing to take, and nothing to go on with. */
  stop(): void {
    Atomics.store(this.#taken, 0, STOPPED);
  }

  /** Whether some thread has called stop(). */
  get isStopped(): boolean {
    return Atomics.load(this.#taken, 0) >= STOPPED;
  }
}
