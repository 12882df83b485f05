/**
 * The storing half of a backup: workers, packs, trees and index of one run, with one way to end well and one to end early.
 */
import { HostarkError } from '@hostark/protocol';
import { type Backend, type BlobTable, blobIdFrom, ID_BYTES, type Repository } from '@hostark/repository';
import type { EngineSetup } from '../pool/jobs.ts';
import { defaultWorkers, type Pool, startPool } from '../pool/pool.ts';
import { keptOfPieceSlab, pieceSlabBytes, type SlabExchange, SlabPool, slabBytes } from '../pool/slabs.ts';
import type { StorageOptions } from './options.ts';
import { PackSaver } from './pack-saver.ts';
import { SummaryCounter } from './summary.ts';
import { TreeStore } from './tree-store.ts';

/** restic's default pack size. */
const PACK_BYTES = 16 * 1024 * 1024;
/** Packs on their way to a bucket at the same time: hides its latency; each costs a slab of memory. */
const MAX_IN_FLIGHT = 4;

/**
 * Packs that go to a folder leave in pieces of this size: large enough for the disk, small enough for the cache, and with the small
 * blob that comes last no more than a large page.
 */
const PIECE_BYTES = 1792 * 1024;
/** Of an engine whose packs leave in pieces: one that is filled, one that is written. */
const SLABS_PER_ENGINE = 2;

/** To a folder goes one pack at a time: a second is no faster, its disk is the same. */
function packsInFlight({ traits, connections }: Backend): number {
  return traits?.localDirectory === undefined ? Math.max(1, Math.min(connections, MAX_IN_FLIGHT)) : 1;
}

export class Storing {
  readonly pool: Pool;
  readonly trees: TreeStore;
  readonly packs: PackSaver;
  /** Memory for packs of data; for engines that are not in the pool. */
  readonly data: SlabExchange;
  readonly summary: SummaryCounter = new SummaryCounter();
  readonly workers: number;
  /** What engines are told; for those that are not in the pool. */
  readonly setup: EngineSetup;
  readonly #blobs: BlobTable;
  /** What was in the table before is in the repository. */
  readonly #firstEntry: number;
  readonly #stop: Int32Array;
  readonly #bytesRead: BigInt64Array;
  #failure: { readonly error: unknown } | null = null;
  #onFailure: () => void = () => {};
  #flushing: Promise<void> | null = null;

  /** `lost` is aborted when the lock is lost: nothing may be written then. */
  constructor(repository: Repository, options: StorageOptions, lost: AbortSignal) {
    this.workers = options.workers ?? defaultWorkers();
    this.#blobs = repository.blobs;
    this.#firstEntry = repository.blobs.entryCount;
    this.#stop = new Int32Array(new SharedArrayBuffer(4));
    this.#bytesRead = new BigInt64Array(new SharedArrayBuffer(8));
    const openSpool = repository.backend.traits?.spools?.() ?? null;
    const setup: EngineSetup = {
      polynomial: repository.config.polynomial,
      key: repository.key,
      repositoryVersion: repository.version,
      compression: options.compression ?? 'auto',
      packSizeBytes: options.packSizeBytes ?? PACK_BYTES,
      blobs: repository.blobs.share(),
      stop: this.#stop,
      bytesRead: this.#bytesRead,
      ...(openSpool === null ? {} : { pieceBytes: PIECE_BYTES }),
    };
    this.setup = setup;
    const engines = Math.max(this.workers, 1);
    const bytes = slabBytes(setup.packSizeBytes);
    // Trees have memory of their own: mostly they need little of it.
    const treeSlabs = new SlabPool(bytes, 2);
    const target = { repository, dryRun: options.dryRun === true, now: () => performance.now(), lost };
    this.packs = new PackSaver(target, (error) => this.fail(error));
    // One open pack per engine and those in flight. What an empty slab held is given back: it fills slowly.
    const wholeSlabs = new SlabPool(bytes, engines + packsInFlight(repository.backend), {
      keptBytes: 0,
      large: true,
    });
    const exchange = (): SlabExchange =>
      openSpool === null
        ? this.packs.exchange(wholeSlabs)
        : this.packs.spooling(
            new SlabPool(pieceSlabBytes(PIECE_BYTES), SLABS_PER_ENGINE, {
              keptBytes: keptOfPieceSlab(PIECE_BYTES),
              large: true,
            }),
            openSpool,
          );
    this.data = exchange();
    const trees = this.packs.exchange(treeSlabs);
    this.trees = new TreeStore(setup, repository.platform, repository.blobs, trees, this.summary);
    this.pool = startPool(this.workers, setup, exchange);
  }

  /** Bytes read or taken over so far, those of unfinished files included. */
  get bytesDone(): number {
    return this.summary.reusedBytes + Number(Atomics.load(this.#bytesRead, 0));
  }

  /** Counts bytes that no engine of the pool has read. */
  addBytes(count: number): void {
    Atomics.add(this.#bytesRead, 0, BigInt(count));
  }

  /** The first error that ends the backup, if any. */
  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  /** Called once when something fails that ends the backup. */
  set onFailure(listener: () => void) {
    this.#onFailure = listener;
  }

  /** Ends the backup with an error: workers stop at the next chunk. The first error stays. */
  fail(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = { error };
    this.stop();
    this.#onFailure();
  }

  /** Workers stop at the next chunk. */
  stop(): void {
    Atomics.store(this.#stop, 0, 1);
  }

  /**
   * Stores all data that is still in open packs, and ends the threads: their memory is free before the index is written.
   * Repeating it waits for the first time.
   */
  flushData(): Promise<void> {
    this.#flushing ??= this.#flushData();
    return this.#flushing;
  }

  async #flushData(): Promise<void> {
    for (const { stored } of await this.pool.flush()) this.summary.stored(stored);
    await this.pool.close();
  }

  /** Everything is durable and indexed when resolved. */
  async finish(): Promise<void> {
    await this.trees.flush();
    await this.packs.finish();
  }

  /**
   * The last look before a snapshot names it all: every blob that this run took upon itself lies in a pack that is durable
   * and indexed. Throws 'internal' if one does not.
   */
  expectAllStored(): void {
    const entry = this.#blobs.firstClaimed(this.#firstEntry);
    if (entry < 0) return;
    const id = new Uint8Array(ID_BYTES);
    this.#blobs.idOf(entry, id);
    const blob = `${this.#blobs.kindOf(entry)} ${blobIdFrom(id)}`;
    throw new HostarkError('internal', `the backup ended without having stored blob ${blob}: no snapshot was saved`, {
      hint: 'run the same backup again, and report this: it is a defect of Hostark',
    });
  }

  /** Ends the threads and waits for saves under way. For every ending; may be called after finish(). */
  async close(): Promise<void> {
    await this.pool.close();
    await this.packs.settle();
  }
}
