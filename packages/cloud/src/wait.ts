/** Bounded, abortable waiting for a cloud that answers later. */
import { HostarkError } from '@hostark/protocol';

export interface WaitOptions {
  /** In words, for the error: 'instance i-1 to run'. */
  readonly what: string;
  readonly budgetMs: number;
  readonly signal?: AbortSignal | undefined;
  /** First pause; doubles up to 5 s. Default 250. */
  readonly firstPauseMs?: number;
}

/** Asks until the answer is not null. Throws 'cloud-timeout' when the budget is over, 'interrupted' on abort. */
export async function until<T>(ask: () => Promise<T | null>, options: WaitOptions): Promise<T> {
  const deadline = Date.now() + options.budgetMs;
  for (let pauseMs = options.firstPauseMs ?? 250; ; pauseMs = Math.min(pauseMs * 2, 5_000)) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (Date.now() + pauseMs > deadline) {
      throw new HostarkError('cloud-timeout', `waited ${Math.round(options.budgetMs / 1000)} s for ${options.what}`, {
        hint: 'run the same command again: it continues where this one stopped',
        retry: 'later',
      });
    }
    await pause(pauseMs, options.signal);
  }
}

/** Repeats a call while it fails in a way that `isPending` knows to pass. The last failure is thrown when the budget is over. */
export async function eventually<T>(
  call: () => Promise<T>,
  isPending: (error: unknown) => boolean,
  options: WaitOptions,
): Promise<T> {
  let last: unknown = null;
  const attempt = async (): Promise<{ value: T } | null> => {
    try {
      return { value: await call() };
    } catch (error) {
      if (!isPending(error)) throw error;
      last = error;
      return null;
    }
  };
  try {
    return (await until(attempt, options)).value;
  } catch (error) {
    if (error instanceof HostarkError && error.code === 'cloud-timeout' && last !== null) throw last;
    throw error;
  }
}

/** Sleeps; rejects with 'interrupted' when the signal fires. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(new HostarkError('interrupted', 'interrupted while waiting', { cause: signal?.reason }));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Throws 'interrupted' when the signal has fired. */
export function checkAbort(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new HostarkError('interrupted', 'interrupted', { cause: signal.reason });
}
