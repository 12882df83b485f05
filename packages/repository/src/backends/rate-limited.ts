/**
 * Holds uploads and downloads to a rate each, within bodies as well as between them: backends ask for leave for each piece.
 * Locks bypass it: they are small and must be on time.
 */
import {
  type Backend,
  type BackendTraits,
  type Body,
  type ByteRange,
  type FileType,
  type Handle,
  type LoadOptions,
  type SaveOptions,
  withoutShortcuts,
} from '../backend.ts';
import { bodyLength } from './body.ts';
import { type Clock, systemClock } from './clock.ts';
import { PacedTransfer, Pacer } from './pacer.ts';

export interface RateLimits {
  /** Bytes per second; absent = no limit. */
  readonly uploadBps?: number | undefined;
  readonly downloadBps?: number | undefined;
  /** Default: a clock that nobody can set. */
  readonly clock?: Clock;
}

const steadyClock: Clock = { ...systemClock, now: () => performance.now() };

/** Bytes of an answer that may be under way before this side reads any: what a system takes in for a new connection. */
const UNREAD_BYTES = 128 * 1024;
/** Answers that come unasked may use up this much time of the rate. */
const UNREAD_SECONDS = 0.25;
/** At 8 KiB a second the 64 KiB that a socket hands over at once take 8 seconds. */
const ONE_CONNECTION_BPS = 8 * 1024;

/** Returns `inner` with its rates held. It hides shortcuts: what goes past it would not be held. */
export function rateLimited(inner: Backend, limits: RateLimits): Backend {
  return new RateLimited(inner, limits);
}

class RateLimited implements Backend {
  readonly connections: number;
  readonly traits: BackendTraits;
  readonly #inner: Backend;
  readonly #up: Pacer | null;
  readonly #down: Pacer | null;

  constructor(inner: Backend, { uploadBps, downloadBps, clock = steadyClock }: RateLimits) {
    this.#inner = inner;
    this.traits = withoutShortcuts(inner.traits);
    this.#up = uploadBps === undefined ? null : new Pacer(uploadBps, clock);
    this.#down = downloadBps === undefined ? null : new Pacer(downloadBps, clock);
    this.connections = Math.min(inner.connections, connectionsFor(downloadBps ?? Number.POSITIVE_INFINITY));
  }

  get location(): string {
    return this.#inner.location;
  }

  async save(handle: Handle, body: Body, options: SaveOptions = {}): Promise<void> {
    if (this.#up === null || handle.type === 'locks') return this.#inner.save(handle, body, options);
    const pace = new PacedTransfer(this.#up, options.signal);
    await this.#inner.save(handle, body, { ...options, pace });
    await pace.finish(bodyLength(body));
  }

  async load(handle: Handle, range?: ByteRange, options: LoadOptions = {}): Promise<Uint8Array> {
    if (this.#down === null || handle.type === 'locks') return this.#inner.load(handle, range, options);
    const pace = new PacedTransfer(this.#down, options.signal);
    const bytes = await this.#inner.load(handle, range, { ...options, pace });
    await pace.finish(bytes.length);
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

/** A second one hides round trips, but where the rate is so low that a lone chunk takes seconds, it would just fall silent. */
function connectionsFor(downloadBps: number): number {
  const least = downloadBps < ONE_CONNECTION_BPS ? 1 : 2;
  return Math.max(least, Math.ceil((downloadBps * UNREAD_SECONDS) / UNREAD_BYTES));
}
