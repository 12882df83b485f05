/** A number of places for work; whoever finds none free waits for its turn, first come, first served. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs `work` in a place. Throws what it throws. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

/** Runs `work` for every item, at most `limit` at the same time, in order of start. Errors as runLanes(). */
export async function forEachLimited<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const take = (): T | undefined => {
    const next = iterator.next();
    return next.done === true ? undefined : next.value;
  };
  const lane = { take, work };
  await runLanes(Array.from({ length: limit }, () => lane));
}

/** What one of several lanes does, one item after the other, until there is none to take. */
export interface Lane<T> {
  readonly take: () => T | undefined;
  readonly work: (item: T) => Promise<void>;
}

/** Runs lanes side by side. The first error stops new starts and is thrown when all running ones have ended. */
export async function runLanes<T>(lanes: readonly Lane<T>[]): Promise<void> {
  let failed = false;
  const run = async ({ take, work }: Lane<T>): Promise<void> => {
    while (!failed) {
      const item = take();
      if (item === undefined) return;
      try {
        await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(lanes.map(run));
  for (const lane of ended) if (lane.status === 'rejected') throw lane.reason;
}
