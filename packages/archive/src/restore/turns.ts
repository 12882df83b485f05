/**
 * Turns of a thread that plans what others do and does some of it itself. It looks up now and then while it plans: threads that are done
 * wait for their next job, which only its event loop can give them. And it does jobs of its own only where there is nothing to plan.
 */
import { setImmediate as turn } from 'node:timers/promises';

/** Shorter than the jobs that wait in a thread's queue. */
const MOST_MS = 8;

export class Turns {
  #since: number = performance.now();
  #planners = 0;

  /** Whether it is time for give(): asked often, and cheaper than to await. */
  get isDue(): boolean {
    return performance.now() - this.#since >= MOST_MS;
  }

  /** For who plans: resolves when messages that have come in are answered. */
  async give(): Promise<void> {
    this.#planners++;
    await turn();
    this.#planners--;
    this.#since = performance.now();
  }

  /** For who has a job to do: resolves when nobody goes on planning, and messages that have come in are answered. */
  async take(): Promise<void> {
    do await turn();
    while (this.#planners > 0);
  }
}
