/** Counts what passes: requests, failures and bytes by operation; for summaries, prices and tests. */
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

export const OPERATIONS = ['save', 'load', 'size', 'list', 'remove', 'exists'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** `bytes` counts bodies that arrived; a failed request counts as a request and a failure. */
export interface OperationCount {
  requests: number;
  failures: number;
  bytes: number;
}

export type OperationCounts = Record<Operation, OperationCount>;

/** A backend whose `counts` grow while it is used. */
export interface CountingBackend extends Backend {
  readonly counts: OperationCounts;
}

/** Returns `inner` with counters. It hides shortcuts: what goes past it would not be counted. */
export function counting(inner: Backend): CountingBackend {
  return new Counting(inner);
}

class Counting implements CountingBackend {
  readonly #inner: Backend;
  readonly counts: OperationCounts;
  readonly traits: BackendTraits;

  constructor(inner: Backend) {
    this.#inner = inner;
    this.traits = withoutShortcuts(inner.traits);
    const zero = (): OperationCount => ({ requests: 0, failures: 0, bytes: 0 });
    this.counts = { save: zero(), load: zero(), size: zero(), list: zero(), remove: zero(), exists: zero() };
  }

  get location(): string {
    return this.#inner.location;
  }

  get connections(): number {
    return this.#inner.connections;
  }

  async save(handle: Handle, body: Body, options?: SaveOptions): Promise<void> {
    await this.#count('save', () => this.#inner.save(handle, body, options));
    this.counts.save.bytes += bodyLength(body);
  }

  async load(handle: Handle, range?: ByteRange, options?: LoadOptions): Promise<Uint8Array> {
    const bytes = await this.#count('load', () => this.#inner.load(handle, range, options));
    this.counts.load.bytes += bytes.length;
    return bytes;
  }

  size(handle: Handle): Promise<number> {
    return this.#count('size', () => this.#inner.size(handle));
  }

  async *list(type: FileType): AsyncGenerator<{ name: string; size: number }> {
    this.counts.list.requests++;
    try {
      yield* this.#inner.list(type);
    } catch (error) {
      this.counts.list.failures++;
      throw error;
    }
  }

  remove(handle: Handle): Promise<void> {
    return this.#count('remove', () => this.#inner.remove(handle));
  }

  exists(handle: Handle): Promise<boolean> {
    return this.#count('exists', () => this.#inner.exists(handle));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #count<T>(operation: Operation, run: () => Promise<T>): Promise<T> {
    const count = this.counts[operation];
    count.requests++;
    try {
      return await run();
    } catch (error) {
      count.failures++;
      throw error;
    }
  }
}
