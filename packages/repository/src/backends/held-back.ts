/**
 * Reads at once, and changes nothing before it may: for work that begins while its lock is still being settled.
 */
import type { Backend, Body, ByteRange, FileType, Handle, LoadOptions, SaveOptions, Spool } from '../backend.ts';
import { type Listing, listWhole } from './listing.ts';

export interface HeldBackBackend extends Backend {
  /** Returns the index files that were listed so far, answers under way included; null if nobody has asked. */
  listedIndexes(): Promise<ReadonlySet<string> | null>;
}

/**
 * Returns `inner` whose saves and removals wait for `allowed`, and fail with its reason when it rejects. What is in `lists` is
 * listed at once, one after another, and given out the first time that somebody asks.
 */
export function heldBack(inner: Backend, allowed: Promise<void>, lists: readonly FileType[] = []): HeldBackBackend {
  return new HeldBack(inner, allowed, lists);
}

class HeldBack implements HeldBackBackend {
  readonly #inner: Backend;
  readonly #allowed: Promise<void>;
  /** Of the index. */
  readonly #listings: Promise<Listing>[] = [];
  readonly #begun = new Map<FileType, Promise<Listing>>();

  constructor(inner: Backend, allowed: Promise<void>, lists: readonly FileType[]) {
    this.#inner = inner;
    this.#allowed = allowed;
    let before: Promise<unknown> = Promise.resolve();
    for (const type of lists) {
      const listing = before.then(() => this.#listAll(type));
      listing.catch(() => {}); // told to whoever asks
      this.#begun.set(type, listing);
      before = listing;
    }
  }

  get location(): string {
    return this.#inner.location;
  }

  get connections(): number {
    return this.#inner.connections;
  }

  get traits(): NonNullable<Backend['traits']> {
    const { spools, ...traits } = this.#inner.traits ?? {};
    return spools === undefined ? traits : { ...traits, spools: () => this.#heldSpools(spools()) };
  }

  #heldSpools(open: (() => Spool) | null): (() => Spool) | null {
    if (open === null) return null;
    return () => {
      const spool = open();
      return {
        append: (bytes) => spool.append(bytes),
        publish: async (handle, signal) => {
          await this.#allowed;
          await spool.publish(handle, signal);
        },
        discard: () => spool.discard(),
      };
    };
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

  async *list(type: FileType): AsyncGenerator<{ name: string; size: number }> {
    const begun = this.#begun.get(type);
    this.#begun.delete(type);
    if (begun !== undefined) return yield* await begun;
    // The index at once and whole: what is known of it must not depend on how far its reader has come.
    if (type === 'index') yield* await this.#listAll(type);
    else yield* this.#inner.list(type);
  }

  #listAll(type: FileType): Promise<Listing> {
    const listing = listWhole(this.#inner, type);
    if (type === 'index') this.#listings.push(listing);
    return listing;
  }

  async listedIndexes(): Promise<ReadonlySet<string> | null> {
    if (this.#listings.length === 0) return null;
    const settled = await Promise.allSettled(this.#listings);
    // A listing that failed has failed its reader, too.
    return new Set(settled.flatMap((listing) => (listing.status === 'fulfilled' ? listing.value : [])).map(nameOf));
  }

  exists(handle: Handle): Promise<boolean> {
    return this.#inner.exists(handle);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

function nameOf({ name }: { name: string }): string {
  return name;
}
