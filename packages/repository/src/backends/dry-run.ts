/**
 * Reads from the place below and writes nowhere: a save or remove succeeds and changes nothing.
 * What was "saved" cannot be loaded again. Locks go nowhere as well: a dry run takes none, as with restic.
 */
import type { Backend, Body, ByteRange, FileType, Handle, LoadOptions, SaveOptions } from '../backend.ts';
import { checkHandle } from './layout.ts';
import { repositoryExists } from './object-errors.ts';

/** Returns `inner` with all changes dropped. It hides `traits`, so that no shortcut writes past it. */
export function dryRun(inner: Backend): Backend {
  return new DryRun(inner);
}

class DryRun implements Backend {
  readonly #inner: Backend;

  constructor(inner: Backend) {
    this.#inner = inner;
  }

  get location(): string {
    return this.#inner.location;
  }

  get connections(): number {
    return this.#inner.connections;
  }

  async save(handle: Handle, _body: Body, options: SaveOptions = {}): Promise<void> {
    checkHandle(handle);
    options.signal?.throwIfAborted();
    // The one save whose outcome depends on what is there: `init --dry-run` must refuse what `init` would refuse.
    if (handle.type === 'config' && options.createOnly && (await this.#inner.exists(handle))) {
      throw repositoryExists(this.location);
    }
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

  async remove(handle: Handle): Promise<void> {
    checkHandle(handle);
  }

  exists(handle: Handle): Promise<boolean> {
    return this.#inner.exists(handle);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
