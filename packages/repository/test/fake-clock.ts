/** A clock that moves only when told: minutes of waiting in milliseconds of test. */
import type { Clock } from '../src/backends/clock.ts';

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

export interface FakeClock extends Clock {
  /** Moves on by `ms`, waking sleepers in order and letting what they do settle. */
  advance(ms: number): Promise<void>;
  /** Jumps without waking anybody on the way, as a standby does. */
  jump(ms: number): void;
  /** Every wait asked for, in order. */
  readonly waits: readonly number[];
}

/** Lets everything that needs no time and no I/O run to its end. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Returns a clock at `start`. With `eager`, sleeping moves the time at once. */
export function fakeClock(options: { start?: number; eager?: boolean } = {}): FakeClock {
  let now = options.start ?? Date.UTC(2026, 10, 22, 12, 0, 0);
  const sleepers: Sleeper[] = [];
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    sleep(ms, { signal } = {}) {
      if (signal?.aborted) return Promise.reject(signal.reason);
      waits.push(ms);
      if (options.eager) {
        now += ms;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const sleeper: Sleeper = {
          at: now + ms,
          wake: () => {
            signal?.removeEventListener('abort', stop);
            resolve();
          },
        };
        const stop = (): void => {
          sleepers.splice(sleepers.indexOf(sleeper), 1);
          reject(signal?.reason);
        };
        sleepers.push(sleeper);
        signal?.addEventListener('abort', stop, { once: true });
      });
    },
    async advance(ms) {
      const target = now + ms;
      await settle();
      for (;;) {
        const next = sleepers.filter((sleeper) => sleeper.at <= target).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        sleepers.splice(sleepers.indexOf(next), 1);
        now = Math.max(now, next.at);
        next.wake();
        await settle();
      }
      now = target;
    },
    jump(ms) {
      now += ms;
    },
  };
}
