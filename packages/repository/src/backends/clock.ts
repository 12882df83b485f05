/** Time as something passed in, so that tests of minutes run in milliseconds. */

export interface Clock {
  /** Wall clock, milliseconds since 1970. Jumps when a machine wakes from standby; that is wanted. */
  now(): number;
  /** Waits; rejects with the signal's reason when it is aborted. An `idle` wait does not keep the process alive. */
  sleep(ms: number, options?: { signal?: AbortSignal | undefined; idle?: boolean }): Promise<void>;
}

/** The real time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, options = {}) =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) return reject(signal.reason);
      const stop = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop);
        resolve();
      }, ms);
      if (options.idle) (timer as { unref?(): void }).unref?.();
      signal?.addEventListener('abort', stop, { once: true });
    }),
};
