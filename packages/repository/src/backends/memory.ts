/** A backend in memory: for tests, and for repositories that live as long as the process. Passes the conformance suite. */
import type { Backend, Body, ByteRange, FileType, Handle, LoadOptions, SaveOptions } from '../backend.ts';
import { checkRange, copyBody } from './body.ts';
import { isObjectName, objectPath } from './layout.ts';
import { objectMissing, objectTruncated, repositoryExists } from './object-errors.ts';

/** A memory backend with its objects in reach, by path in the default layout (`data/ab/abcd…`). */
export interface MemoryBackend extends Backend {
  /** The stored bytes; tests may damage them. */
  readonly objects: Map<string, Uint8Array>;
}

/** Returns an empty store in memory. `objects` may be given to share or prepare its content. */
export function memoryBackend(objects: Map<string, Uint8Array> = new Map()): MemoryBackend {
  return new Memory(objects);
}

class Memory implements MemoryBackend {
  readonly location = 'memory';
  readonly connections = 16;
  readonly objects: Map<string, Uint8Array>;

  constructor(objects: Map<string, Uint8Array>) {
    this.objects = objects;
  }

  async save(handle: Handle, body: Body, options: SaveOptions = {}): Promise<void> {
    const path = objectPath(handle);
    options.signal?.throwIfAborted();
    if (this.objects.has(path)) {
      if (handle.type !== 'config') return;
      if (options.createOnly) throw repositoryExists(this.location);
    }
    this.objects.set(path, copyBody(body));
  }

  async load(handle: Handle, range?: ByteRange, options: LoadOptions = {}): Promise<Uint8Array> {
    const stored = this.#find(handle);
    options.signal?.throwIfAborted();
    if (range === undefined) return stored.slice();
    checkRange(range);
    const bytes = stored.slice(range.offset, range.offset + range.length);
    if (bytes.length !== range.length) throw objectTruncated(this.location, handle, range, bytes.length);
    return bytes;
  }

  async size(handle: Handle): Promise<number> {
    return this.#find(handle).length;
  }

  async *list(type: FileType): AsyncGenerator<{ name: string; size: number }> {
    for (const [path, bytes] of [...this.objects]) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      if (isObjectName(name) && type !== 'config' && path === objectPath({ type, name }))
        yield { name, size: bytes.length };
    }
  }

  async remove(handle: Handle): Promise<void> {
    this.objects.delete(objectPath(handle));
  }

  async exists(handle: Handle): Promise<boolean> {
    return this.objects.has(objectPath(handle));
  }

  async close(): Promise<void> {}

  #find(handle: Handle): Uint8Array {
    const stored = this.objects.get(objectPath(handle));
    if (stored === undefined) throw objectMissing(this.location, handle);
    return stored;
  }
}
