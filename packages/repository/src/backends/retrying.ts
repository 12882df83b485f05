/**
 * Tries again what may succeed later: exponential backoff with jitter, as restic does (1 s, doubled, up to 15 minutes).
 * Only errors that say `retry: 'later'` are tried again; the rest is final at once. A list that restarts yields no name
 * twice. A load that used up its time is refused at once for an hour, so that one lost object does not stall the others.
 */
import { HostarkError } from '@hostark/protocol';
import type {
  Backend,
  BackendTraits,
  Body,
  ByteRange,
  FileType,
  Handle,
  LoadOptions,
  SaveOptions,
} from '../backend.ts';
import { type Clock, systemClock } from './clock.ts';
import { printHandle } from './layout.ts';

export interface RetryOptions {
  /** @default 1000 */
  readonly firstDelayMs?: number;
  /** Longest wait between two tries. @default 60000 */
  readonly maxDelayMs?: number;
  /** No new try after this much time since the first; at least one retry is made. @default 900000 */
  readonly maxElapsedMs?: number;
  readonly clock?: Clock;
  /** Returns numbers in [0, 1) for the jitter of ±50 %. */
  readonly random?: () => number;
  /** Told before each wait. */
  readonly onRetry?: (retry: Retry) => void;
}

/** One failed try that will be repeated. */
export interface Retry {
  /** What was tried, e.g. `save data/3f9a…`. */
  readonly operation: string;
  readonly error: HostarkError;
  /** 1 for the first failure. */
  readonly attempt: number;
  readonly delayMs: number;
}

/** How long a load that exhausted its retries is refused without asking again. */
const REFUSAL_MS = 3_600_000;

/** Returns `inner` with retries on every operation. */
export function retrying(inner: Backend, options: RetryOptions = {}): Backend {
  return new Retrying(inner, options);
}

class Retrying implements Backend {
  readonly #inner: Backend;
  readonly #clock: Clock;
  readonly #options: RetryOptions;
  readonly #refused = new Map<string, { until: number; error: unknown }>();
  readonly traits?: BackendTraits;

  constructor(inner: Backend, options: RetryOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    if (inner.traits !== undefined) this.traits = inner.traits;
  }

  get location(): string {
    return this.#inner.location;
  }

  get connections(): number {
    return this.#inner.connections;
  }

  save(handle: Handle, body: Body, options?: SaveOptions): Promise<void> {
    // A save whose answer was lost finds its own object on the next try; for create-only types that is success.
    return this.#attempt(`save ${printHandle(handle)}`, () => this.#inner.save(handle, body, options), options?.signal);
  }

  async load(handle: Handle, range?: ByteRange, options?: LoadOptions): Promise<Uint8Array> {
    const key = printHandle(handle);
    const refusal = this.#refused.get(key);
    if (refusal !== undefined && this.#clock.now() < refusal.until) throw refusal.error;
    try {
      const bytes = await this.#attempt(`load ${key}`, () => this.#inner.load(handle, range, options), options?.signal);
      if (refusal !== undefined) this.#refused.delete(key);
      return bytes;
    } catch (error) {
      if (isTransient(error)) this.#refused.set(key, { until: this.#clock.now() + REFUSAL_MS, error });
      throw error;
    }
  }

  size(handle: Handle): Promise<number> {
    return this.#attempt(`size ${printHandle(handle)}`, () => this.#inner.size(handle));
  }

  async *list(type: FileType): AsyncGenerator<{ name: string; size: number }> {
    const backoff = new Backoff(this.#options, this.#clock);
    const seen = new Set<string>();
    for (;;) {
      // Errors of the consumer do not pass through here: a generator only sees its own source fail.
      try {
        for await (const entry of this.#inner.list(type)) {
          if (seen.has(entry.name)) continue;
          seen.add(entry.name);
          yield entry;
        }
        return;
      } catch (error) {
        await backoff.waitOrThrow(`list ${type}`, error);
      }
    }
  }

  remove(handle: Handle): Promise<void> {
    return this.#attempt(`remove ${printHandle(handle)}`, () => this.#inner.remove(handle));
  }

  exists(handle: Handle): Promise<boolean> {
    return this.#attempt(`exists ${printHandle(handle)}`, () => this.#inner.exists(handle));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #attempt<T>(operation: string, run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const backoff = new Backoff(this.#options, this.#clock);
    for (;;) {
      try {
        return await run();
      } catch (error) {
        await backoff.waitOrThrow(operation, error, signal);
      }
    }
  }
}

/** The waits of one operation. */
class Backoff {
  readonly #options: RetryOptions;
  readonly #clock: Clock;
  readonly #start: number;
  #attempt = 0;

  constructor(options: RetryOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#start = clock.now();
  }

  /** Waits for the next try, or throws `error` when it is final or time is up. */
  async waitOrThrow(operation: string, error: unknown, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (!isTransient(error)) throw error;
    const { firstDelayMs = 1000, maxDelayMs = 60_000, maxElapsedMs = 900_000, random = Math.random } = this.#options;
    const base = Math.min(maxDelayMs, firstDelayMs * 2 ** this.#attempt);
    const delayMs = Math.round(base * (0.5 + random()));
    const elapsed = this.#clock.now() - this.#start;
    if (this.#attempt > 0 && elapsed + delayMs > maxElapsedMs) throw error;
    this.#attempt++;
    this.#options.onRetry?.({ operation, error, attempt: this.#attempt, delayMs });
    await this.#clock.sleep(delayMs, { signal });
  }
}

function isTransient(error: unknown): error is HostarkError {
  return error instanceof HostarkError && error.retry === 'later';
}
