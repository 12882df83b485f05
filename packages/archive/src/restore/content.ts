/**
 * The content of a window of files: which blobs are needed, from where, fetched and written by the threads.
 * A damaged or missing blob is looked for in other packs; if there is none, its files fail and all others go on.
 */
import { HostarkError, isHostarkError } from '@hostark/protocol';
import { type BlobPlace, blobIdFrom, loadBlob, plainLength } from '@hostark/repository';
import { packPath } from '../disk/pack-path.ts';
import { loadExtent } from './ahead.ts';
import type { RestoreContext } from './context.ts';
import { type Crew, JOBS_HERE, JOBS_PER_THREAD, LARGE_JOBS } from './crew.ts';
import type { SegmentOutcome } from './execute.ts';
import { inHalves } from './halves.ts';
import { ARENA_BYTES, type SegmentSource } from './job.ts';
import { forEachLimited } from './limited.ts';
import { abandonParts, beginParts, finishParts } from './parts.ts';
import {
  endOfBlob,
  type Needs,
  newNeeds,
  type Part,
  planSegments,
  type Segment,
  type SegmentLimits,
  shareOut,
} from './plan.ts';
import { FLAG_FAILED, FLAG_PART } from './rows.ts';
import { PLAN, type Window } from './window.ts';

/** Some hundred files take 10 to 20 ms: what a thread has not done when the others have nothing left to do is waited for. */
const PART_NEEDS = 256;

/**
 * A default pack per request: restic and Hostark close packs once they pass 16 MiB. Requests cost time at the far end, work
 * here, and money. A gap is read along where that is cheaper than a request of its own.
 */
export const REMOTE: SegmentLimits = { segmentBytes: 35 << 19, gapBytes: 512 << 10, needs: Number.POSITIVE_INFINITY };

/** A local file costs nothing to ask: segments are small enough to stay in the processor's cache, gaps are jumped. */
const LOCAL: SegmentLimits = { segmentBytes: 2 << 20, gapBytes: 32 << 10, needs: PART_NEEDS };

/** Large blobs come several at a time, so that two can be hashed in lockstep: see open-segment.ts. */
const LOCAL_LARGE: SegmentLimits = { ...LOCAL, segmentBytes: ARENA_BYTES };
const LARGE_BLOB_BYTES: number = 256 << 10;

/** Segments loaded and not written yet hold at most this much memory. */
const IN_FLIGHT_BYTES: number = 70 << 20;

/** Files without content, per message. */
const EMPTY_PER_JOB = 512;

/** Errors of the disk as a whole: going on would only repeat them for every file. */
const FATAL_CODES: readonly string[] = ['ENOSPC', 'EDQUOT', 'EROFS'];

/** Writes the content (and metadata) of the files whose plan is create, replace or patch. */
export async function writeContent(context: RestoreContext, window: Window): Promise<void> {
  const writing = new Writing(context, window);
  if (context.dryRun) return writing.settleDryRun();
  try {
    await writing.run();
  } finally {
    for (const row of [...window.begun]) abandonParts(context, window, row);
  }
}

/** Threads are kept busy, and so are we; loads from afar overlap as the memory bound and the backend allow. */
export function segmentsAtOnce({ crew, repository }: Pick<RestoreContext, 'crew' | 'repository'>): number {
  const local = JOBS_PER_THREAD * crew.threads + JOBS_HERE;
  if (repository.backend.traits?.localDirectory !== undefined) return local;
  const wanted = Math.max(local, repository.backend.connections);
  return Math.min(wanted, Math.floor(IN_FLIGHT_BYTES / REMOTE.segmentBytes));
}

class Writing {
  readonly #context: RestoreContext;
  readonly #window: Window;
  /** The folder of a repository on this machine. */
  readonly #directory: string | null;
  readonly #placeOf: (entry: number) => BlobPlace;
  readonly #empty: number[] = [];
  #needs: Needs;
  /** Bytes of the files that are written. */
  #bytes = 0;

  constructor(context: RestoreContext, window: Window) {
    this.#context = context;
    this.#window = window;
    this.#directory = context.repository.backend.traits?.localDirectory ?? null;
    const { blobs } = context.repository;
    this.#placeOf = (entry) => blobs.placeOf(entry)!;
    this.#needs = this.#collectNeeds();
  }

  settleDryRun(): void {
    const { tally } = this.#context;
    const { rows, count, existed } = this.#window;
    for (let row = 0; row < count; row++) {
      if (!this.#isWritten(row)) continue;
      tally.wrote(rows.sizes[row]!);
      tally.restoredRow(this.#window, row, rows.sizes[row]!, existed[row] === 1);
    }
  }

  async run(): Promise<void> {
    const context = this.#context;
    await this.#writeEmptyFiles();
    this.#shortenFiles();
    if (context.turns.isDue) await context.turns.give();
    const { needs, segments } = planSegments(this.#needs, this.#placeOf, this.#limits());
    this.#needs = needs;
    if (this.#directory !== null) return await this.#writeFromFolder(segments);
    const { crew, slots } = context;
    const write = (segment: Segment) => slots.run(() => this.#segment(segment, (job) => crew.run(job)));
    await forEachLimited(segments, segmentsAtOnce(context), write);
  }

  async #writeFromFolder(segments: readonly Segment[]): Promise<void> {
    const { crew, slots } = this.#context;
    const isLarge = this.#isLarge;
    const write = (run: Crew['run']) => (segment: Segment) => {
      const work = () => this.#segment(segment, run);
      // The memory for large blobs is the same for any number of segments.
      return isLarge ? work() : slots.run(work);
    };
    const [aThread, here] = isLarge ? [LARGE_JOBS, LARGE_JOBS] : [JOBS_PER_THREAD, JOBS_HERE];
    const [anywhere, onlyHere] = [write((job) => crew.run(job)), write((job) => crew.runHere(job))];
    await inHalves(segments, aThread * crew.threads, here, anywhere, onlyHere);
  }

  #limits(): SegmentLimits {
    if (this.#directory === null) return REMOTE;
    return this.#isLarge ? LOCAL_LARGE : LOCAL;
  }

  get #isLarge(): boolean {
    return this.#bytes >= LARGE_BLOB_BYTES * this.#needs.count;
  }

  #isWritten(row: number): boolean {
    return this.#window.plans[row]! <= PLAN.patch && !this.#window.failed(row);
  }

  /** What is to be written, file after file; notes files without content on the way. */
  #collectNeeds(): Needs {
    const window = this.#window;
    let count = 0;
    for (let row = 0; row < window.count; row++) {
      if (!this.#isWritten(row)) continue;
      window.settleFlags(this.#context, row);
      const matches = window.matches.get(row);
      const blobs = window.blobsOf(row).length;
      const pending = matches === undefined ? blobs : matches.reduce((sum, right) => sum - right, blobs);
      window.pending[row] = pending;
      if (blobs === 0) this.#empty.push(row);
      count += pending;
      this.#bytes += window.rows.sizes[row]!;
    }
    const needs = newNeeds(count);
    let at = 0;
    for (let row = 0; row < window.count; row++) {
      if (window.pending[row] === 0) continue;
      const blobs = window.blobsOf(row);
      const matches = window.matches.get(row);
      let offset = 0;
      for (let i = 0; i < blobs.length; i++) {
        const entry = blobs[i]!;
        if (matches?.[i] !== 1) {
          needs.rows[at] = row;
          needs.offsets[at] = offset;
          needs.entries[at++] = entry;
        }
        if (blobs.length > 1) offset += plainLength(this.#placeOf(entry));
      }
    }
    return needs;
  }

  async #writeEmptyFiles(): Promise<void> {
    const context = this.#context;
    const window = this.#window;
    for (let from = 0; from < this.#empty.length; from += EMPTY_PER_JOB) {
      const list = Uint32Array.from(this.#empty.slice(from, from + EMPTY_PER_JOB));
      const outcome = await context.crew.run({ kind: 'empty', rows: window.rows, list });
      this.#settle(outcome.kind === 'written' ? outcome.written : null);
      for (const row of list) {
        if (!window.failed(row)) context.tally.restoredRow(window, row, 0, window.existed[row] === 1);
      }
    }
  }

  /** Files whose blobs are all right already, but which are too long. */
  #shortenFiles(): void {
    const window = this.#window;
    for (const [row] of window.matches) {
      if (window.pending[row] !== 0 || !this.#isWritten(row)) continue;
      try {
        beginParts(this.#context, window, row);
        this.#complete(row);
      } catch (error) {
        throwIfFatal(error);
        window.fail(this.#context, row, 'write', error);
      }
    }
  }

  async #segment(segment: Segment, run: Crew['run']): Promise<void> {
    const context = this.#context;
    context.signal?.throwIfAborted();
    const { from, to } = segment;
    if (!this.#begin(from, to)) return;
    const source = await this.#load(segment);
    if (source === null) {
      await this.#rescueAll(segment);
      return;
    }
    const isShared = source.kind === 'bytes' && source.bytes.buffer instanceof SharedArrayBuffer;
    const parts = isShared ? shareOut(segment, this.#needs, this.#placeOf, PART_NEEDS) : [segment];
    const ended = await Promise.allSettled(parts.map((part) => this.#write(part, segment.offset, source, run)));
    if (source.kind === 'bytes') context.memory.giveBack(source.bytes);
    for (const part of ended) if (part.status === 'rejected') throw part.reason;
    const damaged = ended.flatMap((part) => (part.status === 'fulfilled' ? part.value : []));
    for (const bad of damaged) await this.#rescue(segment, bad, endOfBlob(this.#needs, bad, to));
    context.tally.progress();
  }

  /** Has the needs of a part of a segment served. Returns the first of those of each blob that is damaged. */
  async #write(
    { from, to }: Part,
    offset: number,
    source: SegmentSource,
    run: Crew['run'],
  ): Promise<readonly number[]> {
    const job = { kind: 'segment', source, offset, rows: this.#window.rows, needs: this.#needs, from, to } as const;
    const outcome = await run(job);
    const { damaged } = this.#settle(outcome.kind === 'written' ? outcome.written : null);
    let next = from;
    for (const bad of damaged) {
      this.#account(next, bad);
      next = endOfBlob(this.#needs, bad, to);
    }
    this.#account(next, to);
    return damaged;
  }

  /** Makes room for the files of several blobs; returns whether any file is left that can be written. */
  #begin(from: number, to: number): boolean {
    const window = this.#window;
    const { flags } = window.rows;
    let any = false;
    for (let i = from; i < to; i++) {
      const row = this.#needs.rows[i]!;
      if ((flags[row]! & (FLAG_PART | FLAG_FAILED)) === FLAG_PART) this.#beginFile(row);
      any ||= (flags[row]! & FLAG_FAILED) === 0;
    }
    return any;
  }

  #beginFile(row: number): void {
    try {
      beginParts(this.#context, this.#window, row);
    } catch (error) {
      throwIfFatal(error);
      this.#window.fail(this.#context, row, 'create', error);
    }
  }

  /** Returns where the segment's bytes are, or null if the pack is missing or too short: its blobs are then sought elsewhere. */
  async #load(segment: Segment): Promise<SegmentSource | null> {
    const { repository, signal, memory, ahead } = this.#context;
    const { pack, offset, length } = segment;
    const name = repository.blobs.packId(pack);
    if (this.#directory !== null) return { kind: 'file', path: packPath(this.#directory, name), offset, length };
    const bytes = await (ahead?.take(segment) ?? loadExtent(repository, memory, segment, signal));
    return bytes === null ? null : { kind: 'bytes', bytes };
  }

  /** Takes over what a thread reports of its files. */
  #settle(outcome: SegmentOutcome | null): SegmentOutcome {
    if (outcome === null) throw new TypeError('expected a written outcome');
    for (const { row, during, message, code } of outcome.troubles) {
      if (during === 'metadata') {
        this.#context.tally.failed(this.#window.item(row), during, message);
        continue;
      }
      throwIfFatal(Object.assign(new Error(message), { code }));
      this.#window.fail(this.#context, row, during, message);
    }
    return outcome;
  }

  /** The needs `from` up to `to` are at their places. */
  #account(from: number, to: number): void {
    const window = this.#window;
    const { tally } = this.#context;
    const { flags, sizes } = window.rows;
    const { rows, entries } = this.#needs;
    for (let i = from; i < to; i++) {
      const row = rows[i]!;
      if ((flags[row]! & FLAG_FAILED) !== 0) continue;
      if ((flags[row]! & FLAG_PART) === 0) {
        tally.wrote(sizes[row]!);
        tally.restoredRow(window, row, sizes[row]!, window.existed[row] === 1);
        continue;
      }
      tally.wrote(plainLength(this.#placeOf(entries[i]!)));
      if (--window.pending[row]! === 0) this.#complete(row);
    }
  }

  #complete(row: number): void {
    const window = this.#window;
    if (!window.begun.has(row)) return;
    finishParts(this.#context, window, row);
    if (!window.failed(row)) {
      this.#context.tally.restoredRow(window, row, window.rows.sizes[row]!, window.existed[row] === 1);
    }
  }

  async #rescueAll(segment: Segment): Promise<void> {
    for (let need = segment.from; need < segment.to; ) {
      const end = endOfBlob(this.#needs, need, segment.to);
      await this.#rescue(segment, need, end);
      need = end;
    }
  }

  /** The blob of the needs `from` up to `to` is damaged where we looked: takes it from another pack, or fails the files. */
  async #rescue(segment: Segment, from: number, to: number): Promise<void> {
    const context = this.#context;
    const window = this.#window;
    const needs = this.#needs;
    const { blobs } = context.repository;
    const needing = [...new Set(needs.rows.subarray(from, to))].filter((row) => !window.failed(row));
    if (needing.length === 0) return;
    const id = new Uint8Array(32);
    blobs.idOf(needs.entries[from]!, id);
    let plain: Uint8Array;
    try {
      plain = await loadBlob(context.repository, 'data', blobIdFrom(id), context.signal);
    } catch (error) {
      if (!isHostarkError(error) || error.code.startsWith('backend-') || context.signal?.aborted === true) throw error;
      const pack = blobs.packId(segment.pack);
      for (const row of needing) window.fail(context, row, 'content', `${error.message} (pack ${pack}, no good copy)`);
      for (const row of needing) abandonParts(context, window, row);
      return;
    }
    if (!this.#begin(from, to)) return;
    const outcome = await context.crew.run({ kind: 'plain', plain, rows: window.rows, needs, from, to });
    this.#settle(outcome.kind === 'written' ? outcome.written : null);
    this.#account(from, to);
  }
}

function throwIfFatal(error: unknown): void {
  const code = String((error as { code?: unknown }).code ?? '');
  if (!FATAL_CODES.includes(code)) return;
  throw new HostarkError(code === 'EROFS' ? 'target-unusable' : 'disk-full', `cannot write below the target: ${code}`, {
    hint: code === 'EROFS' ? 'choose a target that can be written' : 'make room, then run the same restore again',
    cause: error,
  });
}
