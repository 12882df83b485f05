/**
 * Holds what passes to a rate, from the first byte on: each piece waits until the time that it takes at that rate is over.
 * Pieces of all transfers share one line and pass in the order in which they came.
 */
import type { Pace } from '../backend.ts';
import type { Clock } from './clock.ts';

/** Delays of timers are made up for up to this much; longer silence is not saved up for a burst. */
const SAVED_MS = 50;
/** What passes at once: the shortest moment that timers can tell from the next. */
const PIECE_MS = 50;
const MIN_PIECE_BYTES = 256;
const MAX_PIECE_BYTES = 1 << 20;

export class Pacer {
  /** Small enough that many transfers side by side all go on, and none falls silent. */
  readonly pieceBytes: number;
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  /** The moment at which everything taken so far may have passed. */
  #paidMs: number;

  constructor(bytesPerSecond: number, clock: Clock) {
    if (!(bytesPerSecond > 0))
      throw new RangeError(`rate: expected more than 0 bytes per second, got ${bytesPerSecond}`);
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#clock = clock;
    this.#paidMs = clock.now();
    const bytes = Math.floor(this.#bytesPerMs * PIECE_MS);
    this.pieceBytes = Math.min(MAX_PIECE_BYTES, Math.max(MIN_PIECE_BYTES, bytes));
  }

  /** Resolves when `bytes` more may pass. An aborted wait still owes them: the rate stays an upper bound. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    this.#paidMs = Math.max(this.#paidMs, now - SAVED_MS) + bytes / this.#bytesPerMs;
    if (this.#paidMs > now) await this.#clock.sleep(this.#paidMs - now, { signal });
  }
}

/** One transfer's way through a pacer. Backends need not know of paces: what they did not ask for is waited for at the end. */
export class PacedTransfer implements Pace {
  readonly pieceBytes: number;
  readonly #pacer: Pacer;
  readonly #signal: AbortSignal | undefined;
  #taken = 0;

  constructor(pacer: Pacer, signal: AbortSignal | undefined) {
    this.#pacer = pacer;
    this.#signal = signal;
    this.pieceBytes = pacer.pieceBytes;
  }

  take(bytes: number): Promise<void> {
    this.#taken += bytes;
    return this.#pacer.take(bytes, this.#signal);
  }

  /** Waits for what of `bytes` has not passed yet. */
  async finish(bytes: number): Promise<void> {
    if (bytes > this.#taken) await this.take(bytes - this.#taken);
  }
}
