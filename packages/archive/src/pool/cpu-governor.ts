/**
 * Tells how long a process must be silent so that its CPU time stays what was allowed. Nothing is guessed: the kernel's count of
 * the whole process (all threads, native code and garbage collection included) is compared with the time that has passed.
 * Every thread asks by itself and comes to the same answer, so that nothing is shared.
 */

/** What is measured, in milliseconds. */
export interface CpuMeter {
  /** CPU time of the process since it began. */
  cpuMs(): number;
  /** A clock that is the same in all threads. */
  nowMs(): number;
}

/** Silence that is made up for later, at most: a few of the system's timer delays. Longer idleness is not saved up. */
const SAVED_MS = 100;
/** Shorter silences are gathered: to wake costs CPU time too, which at a low limit asks for the next silence. */
const LEAST_MS = 10;

export class CpuGovernor {
  readonly #cores: number;
  readonly #meter: CpuMeter;
  /** The moment up to which the CPU time used so far is paid for. */
  #paidMs: number;
  #usedMs: number;

  /** `cores`: CPU seconds a second, more than 0. CPU time since `sinceMs` counts, of which `usedMs` had been used before. */
  constructor(cores: number, meter: CpuMeter, since: { readonly atMs: number; readonly usedMs: number }) {
    this.#cores = cores;
    this.#meter = meter;
    this.#paidMs = since.atMs;
    this.#usedMs = since.usedMs;
  }

  /** Returns the milliseconds in which the process should do nothing from now on; 0 if it may go on. */
  silenceMs(): number {
    const used = this.#meter.cpuMs();
    const now = this.#meter.nowMs();
    this.#paidMs = Math.max(this.#paidMs + (used - this.#usedMs) / this.#cores, now - SAVED_MS);
    this.#usedMs = used;
    const ms = this.#paidMs - now;
    return ms < LEAST_MS ? 0 : ms;
  }
}
