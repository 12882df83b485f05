/**
 * The gate between threads that write a shared table and the one that rebuilds it.
 * Writers pass together; a rebuild waits until all are out and keeps them out. Readers do not pass the gate: they read,
 * and read again if the epoch moved meanwhile. The epoch is odd while a rebuild is under way.
 */

/** A thread is inside the gate for microseconds; if one stays this long, it was killed there. */
const LOST_AFTER_MS = 30_000;

/** The gate over two words of a shared control array. Waiting blocks the thread (Atomics.wait). */
export class Gate {
  readonly #words: Int32Array;
  readonly #epoch: number;
  readonly #writers: number;

  constructor(words: Int32Array, epoch: number, writers: number) {
    this.#words = words;
    this.#epoch = epoch;
    this.#writers = writers;
  }

  /** Returns the epoch once no rebuild is under way. */
  stable(): number {
    for (;;) {
      const epoch = Atomics.load(this.#words, this.#epoch);
      if ((epoch & 1) === 0) return epoch;
      this.#wait(this.#epoch, epoch);
    }
  }

  /** Returns whether no rebuild began since stable() returned `epoch`. */
  unchanged(epoch: number): boolean {
    return Atomics.load(this.#words, this.#epoch) === epoch;
  }

  /** Enters as a writer and returns the epoch, which stays until leave(). */
  enter(): number {
    for (;;) {
      const epoch = this.stable();
      Atomics.add(this.#words, this.#writers, 1);
      if (this.unchanged(epoch)) return epoch;
      this.leave();
    }
  }

  /** Leaves as a writer. */
  leave(): void {
    const before = Atomics.sub(this.#words, this.#writers, 1);
    if (before === 1 && (Atomics.load(this.#words, this.#epoch) & 1) === 1) Atomics.notify(this.#words, this.#writers);
  }

  /** Runs `rebuild` alone if the epoch is still `epoch`; else another thread was first, and nothing is done. Not for writers inside. */
  alone(epoch: number, rebuild: () => void): void {
    if (Atomics.compareExchange(this.#words, this.#epoch, epoch, epoch + 1) !== epoch) return;
    try {
      for (;;) {
        const writers = Atomics.load(this.#words, this.#writers);
        if (writers === 0) break;
        this.#wait(this.#writers, writers);
      }
      rebuild();
    } finally {
      Atomics.store(this.#words, this.#epoch, epoch + 2);
      Atomics.notify(this.#words, this.#epoch);
    }
  }

  #wait(word: number, seen: number): void {
    if (Atomics.wait(this.#words, word, seen, LOST_AFTER_MS) === 'timed-out') {
      throw new Error('blob table: a thread that was writing has vanished; the table cannot be used any more');
    }
  }
}
