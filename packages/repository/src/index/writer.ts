/**
 * Collects packs and writes index files: after 50,000 blobs or 10 minutes, and at the end.
 * An index file names only packs that are stored durably, so add() comes after the pack's save resolved.
 */
import type { IndexId } from '../ids.ts';
import { HeaderCursor } from '../pack/header.ts';
import { encodeIndex, type IndexedPack } from './encode.ts';

/** restic's bounds (`internal/repository/index/index.go`): memory and interoperation are tuned to them. */
export const MAX_INDEX_BLOBS = 50_000;
export const MAX_INDEX_AGE_MS: number = 10 * 60 * 1000;

/** What index files are saved through. */
export interface IndexSink {
  saveUnpacked(type: 'index', plain: Uint8Array, signal?: AbortSignal): Promise<IndexId>;
}

export interface IndexWriterOptions {
  readonly maxBlobs?: number;
  readonly maxAgeMs?: number;
  /** Milliseconds of any steady clock. */
  readonly now?: () => number;
  /** Once aborted, nothing more is written; what is under way is given up. */
  readonly signal?: AbortSignal;
}

/** Writes index files. One thread; calls may overlap. After a failed save every further call throws the same error. */
export class IndexWriter {
  readonly #sink: IndexSink;
  readonly #maxBlobs: number;
  readonly #maxAgeMs: number;
  readonly #now: () => number;
  readonly #signal: AbortSignal | undefined;
  #packs: IndexedPack[] = [];
  #blobs = 0;
  #since = 0;
  #saving: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;
  readonly #saved: IndexId[] = [];

  constructor(sink: IndexSink, options: IndexWriterOptions = {}) {
    this.#sink = sink;
    this.#maxBlobs = options.maxBlobs ?? MAX_INDEX_BLOBS;
    this.#maxAgeMs = options.maxAgeMs ?? MAX_INDEX_AGE_MS;
    this.#now = options.now ?? (() => performance.now());
    this.#signal = options.signal;
  }

  /** The index files written so far. */
  get saved(): readonly IndexId[] {
    return this.#saved;
  }

  /** Blobs of packs that no index file names yet. */
  get pendingBlobs(): number {
    return this.#blobs;
  }

  /** Takes a durable pack; `pack` is kept until its index file is written. Resolves after the file if this filled one. */
  async add(pack: IndexedPack): Promise<void> {
    if (this.#failure !== null) throw this.#failure.error;
    if (this.#packs.length === 0) this.#since = this.#now();
    this.#packs.push(pack);
    const entry = new HeaderCursor(pack.header);
    while (entry.next()) this.#blobs++;
    if (this.#blobs >= this.#maxBlobs || this.#now() - this.#since >= this.#maxAgeMs) await this.flush();
  }

  /** Writes what is left, if anything, and waits for all files under way. */
  async flush(): Promise<void> {
    const packs = this.#packs;
    if (packs.length > 0) {
      this.#packs = [];
      this.#blobs = 0;
      this.#saving = this.#saving.then(() => this.#save(packs));
    }
    await this.#saving;
    if (this.#failure !== null) throw this.#failure.error;
  }

  async #save(packs: readonly IndexedPack[]): Promise<void> {
    if (this.#failure !== null) return;
    try {
      this.#signal?.throwIfAborted();
      this.#saved.push(await this.#sink.saveUnpacked('index', encodeIndex(packs), this.#signal));
    } catch (error) {
      this.#failure = { error };
    }
  }
}
