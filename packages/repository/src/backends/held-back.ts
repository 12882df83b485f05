/**
 * Reads at once, and changes nothing before it may: for work that begins while its lock is still being settled.
 */
import type { Backend, Body, ByteRange, FileType, Handle, LoadOptions, SaveOptions } from '../backend.ts';

/** Returns `inner` whose saves and removals wait for `allowed`, and fail with its reason when it rejects. */
export function heldBack(inner: Backend, allowed: Promise<void>): Backend {
  return new HeldBack(inner, allowed);
}

class HeldBack implements Backend {
  readonly #inner: Backend;
  readonly #allowed: Promise<void>;

  constructor(inner: Backend, allowed: Promise<void>) {
    this.#inner = inner;
    this.#allowed = allowed;
  }

  get location(): string {
    return this.#inner.location;
  }

  get connections(): number {
    return this.#inner.connections;
  }

  get traits(): NonNullable<Backend['traits']> {
    return this.#inner.traits ?? {};
  }

  async save(handle: Handle, body: Body, options?: SaveOptions): Promise<void> {
    await this.#allowed;
    return this.#inner.save(handle, body, options);
  }

  async remove(handle: Handle): Promise<void> {
    await this.#allowed;
    return this.#inner.remove(handle);
  }

  load(handle: Handle, range?: ByteRange, options?: LoadOptions): Promise<Uint8Array> {
    return this.#inner.load(handle, range, options);
  }

  size(handle: Handle): Promise<number> {
    return this.#inner.size(handle);
  }

  list(type: FileType): AsyncIterable<{ name: string; size: number }> {
    return this.#inner.list(type);
  }

  exists(handle: Handle): Promise<boolean> {
    return this.#inner.exists(handle);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
