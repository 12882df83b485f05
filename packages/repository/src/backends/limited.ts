/**
 * Bounds how many requests run at the same time. Locks bypass it, so that a refresh never waits behind uploads; lists
 * bypass it too, because their consumer may load while listing.
 */
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

/** Returns `inner` with at most `connections` saves, loads and removes under way. */
export function limited(inner: Backend, connections: number = inner.connections): Backend {
  if (!Number.isSafeInteger(connections) || connections < 1) {
    throw new RangeError(`connections: expected a whole number from 1, got ${connections}`);
  }
  return new Limited(inner, connections);
}

class Limited implements Backend {
  readonly #inner: Backend;
  readonly #gate: Gate;
  readonly connections: number;
  readonly traits?: BackendTraits;

  constructor(inner: Backend, connections: number) {
    this.#inner = inner;
    this.connections = connections;
    this.#gate = new Gate(connections);
    if (inner.traits !== undefined) this.traits = inner.traits;
  }

  get location(): string {
    return this.#inner.location;
  }

  save(handle: Handle, body: Body, options?: SaveOptions): Promise<void> {
    return this.#pass(handle, () => this.#inner.save(handle, body, options), options?.signal);
  }

  load(handle: Handle, range?: ByteRange, options?: LoadOptions): Promise<Uint8Array> {
    return this.#pass(handle, () => this.#inner.load(handle, range, options), options?.signal);
  }

  size(handle: Handle): Promise<number> {
    return this.#pass(handle, () => this.#inner.size(handle));
  }

  list(type: FileType): AsyncIterable<{ name: string; size: number }> {
    return this.#inner.list(type);
  }

  remove(handle: Handle): Promise<void> {
    return this.#pass(handle, () => this.#inner.remove(handle));
  }

  exists(handle: Handle): Promise<boolean> {
    return this.#pass(handle, () => this.#inner.exists(handle));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #pass<T>(handle: Handle, run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (handle.type === 'locks') return run();
    await this.#gate.enter(signal);
    try {
      return await run();
    } finally {
      this.#gate.leave();
    }
  }
}

/** A counting semaphore, first come first served. */
class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  enter(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const take = (): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1);
        reject(signal?.reason);
      };
      this.#waiting.push(take);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Hands the place to the one who waits longest. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
