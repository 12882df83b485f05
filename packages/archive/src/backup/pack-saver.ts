/**
 * Takes finished packs and saves them, a bounded number at a time; a durable pack enters the index, and its slab is free
 * again. Index files are written now and then, so that a run that is killed leaves work that the next run finds.
 */
import { IndexWriter, packIdFrom, publishPack, type Repository, type Spool } from '@hostark/repository';
import type { SlabPack } from '../pool/jobs.ts';
import type { Slab, SlabExchange, SlabPool } from '../pool/slabs.ts';
import { SpooledPacks } from './spooled-packs.ts';

/** The first index file of a run comes after this time, the next after twice as long, and so on: few files, little lost. */
const FIRST_INDEX_MS = 30_000;
/** restic's limit: an index file is written at the latest when its first pack is this old. */
const LATEST_INDEX_MS = 600_000;

/** How a pack is to be stored. */
export interface PackTarget {
  readonly repository: Repository;
  readonly dryRun: boolean;
  /** Milliseconds of a steady clock. */
  readonly now: () => number;
  /** Aborted when the lock is lost: from then on others may remove what no index names, so nothing is named any more. */
  readonly lost: AbortSignal;
}

export class PackSaver {
  readonly #target: PackTarget;
  readonly #index: IndexWriter;
  readonly #saving: Set<Promise<unknown>> = new Set();
  readonly #spooled: SpooledPacks[] = [];
  readonly #failed: (error: unknown) => void;
  #failure: { readonly error: unknown } | null = null;
  #interval = FIRST_INDEX_MS;
  #nextIndexMs: number;

  /** `failed` is told the first error of storage; nothing is accepted after it. */
  constructor(target: PackTarget, failed: (error: unknown) => void) {
    this.#target = target;
    this.#failed = failed;
    this.#index = new IndexWriter(target.repository, {
      maxAgeMs: LATEST_INDEX_MS,
      now: target.now,
      signal: target.lost,
    });
    this.#nextIndexMs = target.now() + this.#interval;
  }

  /** Returns an exchange that gets its memory from `slabs` and leaves its packs here. Each pack lies in one slab. */
  exchange(slabs: SlabPool): SlabExchange {
    return {
      take: () => this.#take(slabs),
      give: (slab, pack) => this.#give(slabs, slab, pack),
    };
  }

  /** The same for one engine whose packs come in pieces, which `open` stores. */
  spooling(slabs: SlabPool, open: () => Spool): SlabExchange {
    const keeper = {
      take: () => this.#take(slabs),
      release: (slab: Slab) => slabs.release(slab),
      step: (action: () => Promise<void>) => this.#step(action),
      track: <T>(work: Promise<T>) => this.#track(work),
      publish: (spool: Spool, pack: SlabPack) => {
        const handle = { type: 'data', name: packIdFrom(pack.sha256) } as const;
        return this.#enter(pack, () => spool.publish(handle, this.#target.lost));
      },
    };
    const exchange = new SpooledPacks(keeper, open);
    this.#spooled.push(exchange);
    return exchange;
  }

  /** Resolves when all packs are durable and all index files written. Throws the first error. */
  async finish(): Promise<void> {
    while (this.#saving.size > 0) await Promise.all(this.#saving);
    this.#expectWorking();
    if (!this.#target.dryRun) await this.#index.flush();
  }

  /** Resolves when nothing is being saved any more; never throws. */
  async settle(): Promise<void> {
    while (this.#saving.size > 0) await Promise.all(this.#saving);
    for (const exchange of this.#spooled) await exchange.abandon();
  }

  async #take(slabs: SlabPool): Promise<Slab> {
    this.#expectWorking();
    const slab = await slabs.take();
    try {
      this.#expectWorking();
    } catch (error) {
      slabs.release(slab);
      throw error;
    }
    return slab;
  }

  #give(slabs: SlabPool, slab: Slab, pack: SlabPack): void {
    void this.#track(this.#step(() => this.#save(slab, pack))).finally(() => slabs.release(slab));
  }

  #track<T>(step: Promise<T>): Promise<T> {
    const tracked = step.finally(() => this.#saving.delete(tracked));
    this.#saving.add(tracked);
    return tracked;
  }

  /** Never rejects: returns whether the step was taken. */
  async #step(action: () => Promise<void>): Promise<boolean> {
    if (this.#target.dryRun || this.#failure !== null) return false;
    try {
      await action();
      return true;
    } catch (error) {
      this.#failure ??= { error };
      this.#failed(error);
      return false;
    }
  }

  #expectWorking(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  async #save(slab: Slab, pack: SlabPack): Promise<void> {
    const { repository, lost: signal } = this.#target;
    const handle = { type: 'data', name: packIdFrom(pack.sha256) } as const;
    // The first byte of a header entry is the blob's type; trees are odd (pack format).
    const metadata = (pack.header[0]! & 1) === 1;
    const bytes = slab.memory.subarray(0, pack.length);
    const options = { sha256: pack.sha256, metadata, signal };
    await this.#enter(pack, () => repository.backend.save(handle, bytes, options));
  }

  /** Makes a pack durable by `store`, and then known. */
  async #enter(pack: SlabPack, store: () => Promise<void>): Promise<void> {
    await store();
    this.#target.lost.throwIfAborted();
    publishPack(this.#target.repository.blobs, pack);
    await this.#index.add(pack);
    await this.#indexIfTime();
  }

  async #indexIfTime(): Promise<void> {
    const now = this.#target.now();
    if (now < this.#nextIndexMs) return;
    this.#interval = Math.min(this.#interval * 2, LATEST_INDEX_MS);
    this.#nextIndexMs = now + this.#interval;
    await this.#index.flush();
  }
}
