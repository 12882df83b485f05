/**
 * Packs that reach storage piece by piece while they are filled, so that nobody holds a whole one. One exchange serves one
 * engine, which has one pack open at a time; a slab is empty again when its piece is written. While a pack becomes durable the
 * pieces of the next are written, and no more than that: the one after it waits.
 */
import type { Spool } from '@hostark/repository';
import type { SlabPack } from '../pool/jobs.ts';
import type { Slab, SlabExchange } from '../pool/slabs.ts';

/** What the exchange needs of who saves packs. */
export interface PackKeeper {
  take(): Promise<Slab>;
  release(slab: Slab): void;
  /** Runs one step of saving unless the backup has failed; an error ends it. What became of it is in the result. */
  step(action: () => Promise<void>): Promise<boolean>;
  /** Has the end of the backup wait for work, from this moment on. */
  track<T>(work: Promise<T>): Promise<T>;
  /** Stores what a pack's spool holds under the pack's name, and makes the pack known. */
  publish(spool: Spool, pack: SlabPack): Promise<void>;
}

export class SpooledPacks implements SlabExchange {
  readonly #keeper: PackKeeper;
  readonly #open: () => Spool;
  /** The pack whose pieces come in. */
  #spool: Spool | null = null;
  /** Pieces are written in the order in which they came, packs published likewise. */
  #written: Promise<unknown> = Promise.resolve();
  #published: Promise<unknown> = Promise.resolve();

  constructor(keeper: PackKeeper, open: () => Spool) {
    this.#keeper = keeper;
    this.#open = open;
  }

  take(): Promise<Slab> {
    return this.#keeper.take();
  }

  piece(slab: Slab, length: number): void {
    this.#spool ??= this.#open();
    const spool = this.#spool;
    void this.#after(slab, () => spool.append(slab.memory.subarray(0, length)));
  }

  give(slab: Slab, pack: SlabPack): void {
    const spool = this.#spool ?? this.#open();
    this.#spool = null;
    const written = this.#after(slab, () => spool.append(slab.memory.subarray(0, pack.length)));
    const ready = Promise.all([written, this.#published]);
    this.#written = ready;
    const stored = ready.then(async ([isWritten]) => {
      const isStored = isWritten && (await this.#keeper.step(() => this.#keeper.publish(spool, pack)));
      if (!isStored) await spool.discard();
    });
    this.#published = this.#keeper.track(stored);
  }

  /** Removes what a pack that will not be finished has left. */
  async abandon(): Promise<void> {
    await this.#written;
    await this.#published;
    await this.#spool?.discard();
    this.#spool = null;
  }

  #after(slab: Slab, action: () => Promise<void>): Promise<boolean> {
    const done = this.#written.then(() => this.#keeper.step(action)).finally(() => this.#keeper.release(slab));
    // Not only once its turn comes: in between there would be nothing to wait for, and an index without this pack.
    void this.#keeper.track(done);
    this.#written = done;
    return done;
  }
}
