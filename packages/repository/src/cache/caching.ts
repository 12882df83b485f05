/**
 * Keeps local copies of what every command reads: index files, snapshots and packs of trees (the caller says which packs
 * those are with `metadata`). Whole objects are fetched on first use and stored on save; a full listing evicts what the
 * repository no longer has. Copies are checked against their name on first use in this process; a damaged one is fetched
 * again. The cache never makes an operation fail: a problem with it is told, and the work goes on without.
 */
import { createHash } from 'node:crypto';
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
import { checkRange } from '../backends/body.ts';
import { printHandle } from '../backends/layout.ts';
import { objectTruncated } from '../backends/object-errors.ts';
import type { KeyMemory } from '../keys/known-key.ts';
import { CacheDirectory } from './directory.ts';

export interface CacheOptions {
  /** Folder of all caches; restic's is `~/.cache/restic`. */
  readonly directory: string;
  /** Known only when the config is read: give it here or later to useRepository(). */
  readonly repositoryId?: string;
  readonly keys?: KeyMemory;
  /** Told when the cache cannot be used or written. */
  readonly onProblem?: (error: unknown) => void;
}

/** A backend with a cache, which begins to work when it knows the repository. */
export interface CachingBackend extends Backend {
  /** Begins caching for this repository (64 hex digits). Call it once, after the config is read. */
  useRepository(id: string): void;
  /** Remembers the key of this place; absent where nothing is kept. */
  readonly keys?: KeyMemory;
}

/** Returns `inner` with a cache. Until the repository's id is known everything passes through. */
export function caching(inner: Backend, options: CacheOptions): CachingBackend {
  return new Caching(inner, options);
}

const LISTED: ReadonlySet<FileType> = new Set<FileType>(['index', 'snapshots', 'data']);

class Caching implements CachingBackend {
  readonly #inner: Backend;
  readonly #options: CacheOptions;
  readonly traits?: BackendTraits;
  readonly keys?: KeyMemory;
  /** Objects whose cached copy was checked, or made, by this process. */
  readonly #verified = new Set<string>();
  /** Fetches under way, so that ten readers of one pack fetch it once. */
  readonly #fetches = new Map<string, Promise<Uint8Array>>();
  #repositoryId: string | null;
  /** Undefined until it is needed; null when it cannot be used. */
  #opened: CacheDirectory | null | undefined;

  constructor(inner: Backend, options: CacheOptions) {
    this.#inner = inner;
    this.#options = options;
    if (inner.traits !== undefined) this.traits = inner.traits;
    if (options.keys !== undefined) this.keys = options.keys;
    this.#repositoryId = options.repositoryId ?? null;
  }

  get location(): string {
    return this.#inner.location;
  }

  get connections(): number {
    return this.#inner.connections;
  }

  useRepository(id: string): void {
    this.#repositoryId = id;
  }

  async save(handle: Handle, body: Body, options: SaveOptions = {}): Promise<void> {
    await this.#inner.save(handle, body, options);
    const cache = isCached(handle, options) ? this.#directory() : null;
    if (cache !== null) await this.#store(cache, handle, body);
  }

  async load(handle: Handle, range?: ByteRange, options: LoadOptions = {}): Promise<Uint8Array> {
    const cache = isCached(handle, options) ? this.#directory() : null;
    if (cache === null) return this.#inner.load(handle, range, options);
    if (range !== undefined) checkRange(range);
    options.signal?.throwIfAborted();
    const part =
      range !== undefined && this.#verified.has(printHandle(handle))
        ? await this.#readPart(cache, handle, range)
        : null;
    if (part !== null) return part;
    const copy = await this.#readWhole(cache, handle);
    const whole = copy ?? (await this.#fetch(cache, handle));
    options.signal?.throwIfAborted();
    // What was fetched may have other readers.
    if (range === undefined) return copy ?? whole.slice();
    const bytes = whole.slice(range.offset, range.offset + range.length);
    if (bytes.length !== range.length) throw objectTruncated(this.location, handle, range, bytes.length);
    return bytes;
  }

  async size(handle: Handle): Promise<number> {
    const cache = LISTED.has(handle.type) ? this.#directory() : null;
    const whole = cache === null ? null : await this.#readWhole(cache, handle);
    return whole?.length ?? this.#inner.size(handle);
  }

  async *list(type: FileType): AsyncGenerator<{ name: string; size: number }> {
    const cache = LISTED.has(type) ? this.#directory() : null;
    if (cache === null) {
      yield* this.#inner.list(type);
      return;
    }
    // Read first: what is saved and cached while we list is not in the list and must stay.
    const cached = this.#names(cache, type);
    const alive = new Set<string>();
    for await (const entry of this.#inner.list(type)) {
      alive.add(entry.name);
      yield entry;
    }
    for (const name of cached) if (!alive.has(name)) await this.#forget(cache, { type, name });
  }

  async remove(handle: Handle): Promise<void> {
    await this.#inner.remove(handle);
    const cache = LISTED.has(handle.type) ? this.#directory() : null;
    if (cache !== null) await this.#forget(cache, handle);
  }

  exists(handle: Handle): Promise<boolean> {
    return this.#inner.exists(handle);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  /** Opened when first needed; null when there is no cache to use. */
  #directory(): CacheDirectory | null {
    if (this.#repositoryId !== null && this.#opened === undefined) this.#opened = this.#open(this.#repositoryId);
    return this.#opened ?? null;
  }

  #open(repositoryId: string): CacheDirectory | null {
    try {
      return CacheDirectory.open(this.#options.directory, repositoryId);
    } catch (error) {
      return this.#tell(error, null);
    }
  }

  #names(cache: CacheDirectory, type: FileType): readonly string[] {
    try {
      return cache.names(type);
    } catch (error) {
      return this.#tell(error, []);
    }
  }

  async #readPart(cache: CacheDirectory, handle: Handle, range: ByteRange): Promise<Uint8Array | null> {
    return cache.readPart(handle, range.offset, range.length).catch((error) => this.#tell(error, null));
  }

  async #readWhole(cache: CacheDirectory, handle: Handle): Promise<Uint8Array | null> {
    const key = printHandle(handle);
    const bytes = await cache
      .read(handle, { verify: !this.#verified.has(key) })
      .catch((error) => this.#tell(error, null));
    if (bytes === null) this.#verified.delete(key);
    else this.#verified.add(key);
    return bytes;
  }

  /** No signal: others may wait for the same fetch. */
  #fetch(cache: CacheDirectory, handle: Handle): Promise<Uint8Array> {
    const key = printHandle(handle);
    let fetch = this.#fetches.get(key);
    if (fetch === undefined) {
      fetch = this.#fetchNow(cache, handle).finally(() => this.#fetches.delete(key));
      this.#fetches.set(key, fetch);
    }
    return fetch;
  }

  async #fetchNow(cache: CacheDirectory, handle: Handle): Promise<Uint8Array> {
    const bytes = await this.#inner.load(handle, undefined, { metadata: true });
    // What is damaged in the repository is for the caller to find; it must not settle here.
    if (createHash('sha256').update(bytes).digest('hex') === handle.name) await this.#store(cache, handle, bytes);
    return bytes;
  }

  async #store(cache: CacheDirectory, handle: Handle, body: Body): Promise<void> {
    try {
      await cache.store(handle, body);
      this.#verified.add(printHandle(handle));
    } catch (error) {
      this.#tell(error, null);
    }
  }

  async #forget(cache: CacheDirectory, handle: Handle): Promise<void> {
    this.#verified.delete(printHandle(handle));
    await cache.forget(handle).catch((error) => this.#tell(error, null));
  }

  #tell<T>(error: unknown, instead: T): T {
    this.#options.onProblem?.(error);
    return instead;
  }
}

/** Index, snapshots, and packs of trees; data packs, keys, locks and the config always come from the place itself. */
function isCached(handle: Handle, options: LoadOptions | SaveOptions): boolean {
  if (handle.type === 'index' || handle.type === 'snapshots') return true;
  return handle.type === 'data' && options.metadata === true;
}
