/**
 * Holds the average rate of uploads and downloads below a limit: two token buckets in bytes.
 * A body passes at full speed and the next one waits until the debt is paid, so short peaks of one body are possible.
 * Locks bypass it: they are small and must be on time.
 */
import type { Backend, Body, ByteRange, FileType, Handle, LoadOptions, SaveOptions } from '../backend.ts';
import { bodyLength } from './body.ts';
import { type Clock, systemClock } from './clock.ts';

export interface RateLimits {
  /** Bytes per second; absent = no limit. */
  readonly uploadBps?: number | undefined;
  readonly downloadBps?: number | undefined;
  readonly clock?: Clock;
}

/** Returns `inner` with its rates held. It hides `traits`: a shortcut past it would not be held. */
export function rateLimited(inner: Backend, limits: RateLimits): Backend {
  return new RateLimited(inner, limits);
}

class RateLimited implements Backend {
  readonly #inner: Backend;
  readonly #up: TokenBucket | null;
  readonly #down: TokenBucket | null;

  constructor(inner: Backend, limits: RateLimits) {
    const clock = limits.clock ?? systemClock;
    this.#inner = inner;
    this.#up = limits.uploadBps === undefined ? null : new TokenBucket(limits.uploadBps, clock);
    this.#down = limits.downloadBps === undefined ? null : new TokenBucket(limits.downloadBps, clock);
  }

  get location(): string {
    return this.#inner.location;
  }

  get connections(): number {
    return this.#inner.connections;
  }

  async save(handle: Handle, body: Body, options?: SaveOptions): Promise<void> {
    if (handle.type !== 'locks') await this.#up?.take(bodyLength(body), options?.signal);
    return this.#inner.save(handle, body, options);
  }

  async load(handle: Handle, range?: ByteRange, options?: LoadOptions): Promise<Uint8Array> {
    const bucket = handle.type === 'locks' ? null : this.#down;
    // The size of a whole object is known only afterwards: it is paid for by whoever comes next.
    await bucket?.take(range?.length ?? 0, options?.signal);
    const bytes = await this.#inner.load(handle, range, options);
    if (range === undefined) bucket?.owe(bytes.length);
    return bytes;
  }

  size(handle: Handle): Promise<number> {
    return this.#inner.size(handle);
  }

  list(type: FileType): AsyncIterable<{ name: string; size: number }> {
    return this.#inner.list(type);
  }

  remove(handle: Handle): Promise<void> {
    return this.#inner.remove(handle);
  }

  exists(handle: Handle): Promise<boolean> {
    return this.#inner.exists(handle);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** Tracks the moment at which everything taken so far is paid for. */
class TokenBucket {
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  #paidAt: number;

  constructor(bytesPerSecond: number, clock: Clock) {
    if (!(bytesPerSecond > 0))
      throw new RangeError(`rate: expected more than 0 bytes per second, got ${bytesPerSecond}`);
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#clock = clock;
    this.#paidAt = clock.now();
  }

  /** Waits until earlier debt is paid, and owes `bytes`. An aborted wait still owes them: the rate stays an upper bound. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const wait = this.#paidAt - this.#clock.now();
    this.owe(bytes);
    if (wait > 0) await this.#clock.sleep(wait, { signal });
  }

  owe(bytes: number): void {
    this.#paidAt = Math.max(this.#paidAt, this.#clock.now()) + bytes / this.#bytesPerMs;
  }
}
