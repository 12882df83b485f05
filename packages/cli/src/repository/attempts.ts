/**
 * Work that may begin before its lock is certain. Each attempt at the lock begins it anew, since others may have written
 * meanwhile; only the work of the attempt that got the lock goes on to its end.
 */

/** Returns a sink that keeps what it is told until `confirmed`, and forgets it when that rejects. */
export function afterwards<T>(confirmed: Promise<void>, tell: (event: T) => void): (event: T) => void {
  let held: T[] | null = [];
  confirmed.then(
    () => {
      const kept = held ?? [];
      held = null;
      for (const event of kept) tell(event);
    },
    () => {},
  );
  return (event) => {
    if (held === null) tell(event);
    else held.push(event);
  };
}

/** `signal` ends the work; `confirmed` resolves when it belongs to the lock that is held, and rejects when it does not. */
export type EarlyWork<T> = (signal: AbortSignal, confirmed: Promise<void>) => Promise<T>;

interface Attempt<T> {
  failure: unknown;
  readonly stop: AbortController;
  readonly confirm: () => void;
  readonly result: Promise<T>;
}

/** One piece of work and the attempts at it. */
export class Attempts<T> {
  readonly #work: EarlyWork<T>;
  #last: Attempt<T> | null = null;

  constructor(work: EarlyWork<T>) {
    this.#work = work;
  }

  /** Why the last attempt has failed already; undefined if it has not. */
  get failure(): unknown {
    return this.#last?.failure;
  }

  /** Begins, in place of what began before. */
  begin(): void {
    this.giveUp(new Error('the lock is tried for again'));
    this.#start();
  }

  /** Ends what began before; another attempt may follow. */
  giveUp(reason: unknown): void {
    this.#last?.stop.abort(reason);
  }

  /** Confirms the last attempt, or begins now if there is none, and returns its result. `lost` ends it. */
  async settle(lost: AbortSignal): Promise<T> {
    const { stop, confirm, result } = this.#last ?? this.#start();
    const end = (): void => stop.abort(lost.reason);
    if (lost.aborted) end();
    lost.addEventListener('abort', end);
    try {
      confirm();
      return await result;
    } finally {
      lost.removeEventListener('abort', end);
    }
  }

  /** Ends the last attempt and waits until it has ended. */
  async drop(reason: unknown): Promise<void> {
    this.giveUp(reason);
    await this.#last?.result.catch(() => {});
  }

  #start(): Attempt<T> {
    const stop = new AbortController();
    let confirm = (): void => {};
    const confirmed = new Promise<void>((resolve, reject) => {
      confirm = resolve;
      stop.signal.addEventListener('abort', () => reject(stop.signal.reason), { once: true });
    });
    confirmed.catch(() => {}); // the work may have ended before it asks
    const result = this.#work(stop.signal, confirmed);
    const attempt: Attempt<T> = { stop, confirm, result, failure: undefined };
    // settle() tells it, or nobody wants to know.
    result.catch((error: unknown) => {
      attempt.failure = error;
    });
    this.#last = attempt;
    return attempt;
  }
}
