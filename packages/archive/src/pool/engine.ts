/**
 * What a worker does, without the thread around it: reads files, cuts, hashes, and stores what nobody has yet.
 * The same class runs inside worker threads and, with `workers: 0`, on the calling thread. One job at a time.
 */
import { closeSync, readSync } from 'node:fs';
import {
  type ChunkScanner,
  createScanner,
  MIN_CHUNK,
  nodePlatform,
  type Platform,
  type Posix,
  posix,
  type Stat,
} from '@hostark/kernels';
import { nodeTypeOf } from '@hostark/repository';
import { ChunkStore } from './chunk-store.ts';
import { breathe } from './cpu-limit.ts';
import { ARENA_BYTES, FileCutter } from './file-cutter.ts';
import {
  type EngineSetup,
  FACTS_PER_FILE,
  FILE_CHANGED,
  FILE_FAILED,
  FILE_SAVED,
  FILE_STOPPED,
  FILE_VANISHED,
  type FilesJob,
  type FilesResult,
  type PartJob,
  type PoolJob,
} from './jobs.ts';
import { partEnd, partStart } from './part-starts.ts';
import { ResultBuilder } from './result-builder.ts';
import type { SlabExchange } from './slabs.ts';

/** Runs jobs. Errors of single files are part of results; what rejects is the end of the backup. */
export class Engine {
  readonly #setup: EngineSetup;
  readonly #platform: Platform;
  readonly #posix: Posix;
  readonly #store: ChunkStore;
  #scanner: ChunkScanner | null = null;
  #cutter: FileCutter | null = null;

  constructor(setup: EngineSetup, slabs: SlabExchange) {
    this.#setup = setup;
    this.#platform = nodePlatform();
    this.#posix = posix();
    this.#store = new ChunkStore(setup, this.#platform, slabs);
  }

  async run(job: PoolJob): Promise<FilesResult> {
    if (job.kind === 'files') return await this.#files(job);
    if (job.kind === 'part') return await this.#part(job);
    this.#store.flush();
    return new ResultBuilder(0).finish(this.#store.takeCounts());
  }

  async #files(job: FilesJob): Promise<FilesResult> {
    const result = new ResultBuilder(job.pathEnds.length);
    let from = 0;
    for (let file = 0; file < job.pathEnds.length; file++) {
      const path = job.paths.subarray(from, job.pathEnds[file]!);
      from = job.pathEnds[file]!;
      const facts = job.facts.subarray(file * FACTS_PER_FILE, (file + 1) * FACTS_PER_FILE);
      if (await this.#smallFile(path, facts, result)) continue;
      await this.#file(path, facts, result, (fd, stat) =>
        this.#cut(fd, { from: 0, end: null, fileSize: Number(stat.size) }, result),
      );
    }
    return result.finish(this.#store.takeCounts());
  }

  /**
   * The short way for a file of one chunk that is still what lstat saw: one read and one fstat after it. Returns false,
   * with nothing recorded, for every other file.
   */
  async #smallFile(path: Uint8Array, facts: BigInt64Array, result: ResultBuilder): Promise<boolean> {
    const size = Number(facts[0]);
    if (size >= MIN_CHUNK || this.#stopped()) return false;
    const { arena } = this.#arena();
    let fd = -1;
    try {
      fd = this.#posix.openForRead(path);
      // One byte more than there should be shows a file that has grown.
      const got = readSync(fd, arena, 0, size + 1, 0);
      if (got !== size || !matchesFacts(this.#posix.fstat(fd), facts)) return false;
    } catch {
      return false; // the long way meets the same error, and reports it
    } finally {
      if (fd >= 0) closeSync(fd);
    }
    if (size > 0) await this.#stored(arena.subarray(0, size), result);
    result.end(FILE_SAVED, size);
    return true;
  }

  async #part(job: PartJob): Promise<FilesResult> {
    const result = new ResultBuilder(1);
    await this.#file(job.path, job.facts, result, async (fd, stat) => {
      const scanner = this.#arena();
      const file = { fd, partBytes: job.partBytes, starts: job.starts };
      const from = partStart(file, job.index, scanner);
      if (from === null) return 0; // the part before goes on through this one
      const end = partEnd(file, job.index, scanner);
      return await this.#cut(fd, { from, end, fileSize: Number(stat.size) }, result);
    });
    return result.finish(this.#store.takeCounts());
  }

  /** Opens one file, lets `read` read it, and records what became of it. */
  async #file(
    path: Uint8Array,
    facts: BigInt64Array,
    result: ResultBuilder,
    read: (fd: number, stat: Stat) => Promise<number>,
  ): Promise<void> {
    if (this.#stopped()) return result.end(FILE_STOPPED, 0);
    let fd = -1;
    let during = 'open';
    try {
      fd = this.#posix.openForRead(path);
      const before = this.#posix.fstat(fd);
      if (nodeTypeOf(before.mode) !== 'file') throw new Error('changed type while it was saved');
      if (!matchesFacts(before, facts)) result.fresh(before);
      during = 'read';
      const size = await read(fd, before);
      const after = this.#posix.fstat(fd);
      const steady = after.size === before.size && after.mtimeNs === before.mtimeNs && after.ctimeNs === before.ctimeNs;
      if (this.#stopped()) result.end(FILE_STOPPED, size);
      else result.end(steady ? FILE_SAVED : FILE_CHANGED, size);
    } catch (error) {
      if (!isSystemError(error) && during !== 'open') throw error;
      const code = isSystemError(error) ? error.code : '';
      if (code === 'ENOENT' && during === 'open') result.end(FILE_VANISHED, 0);
      else result.fail(FILE_FAILED, during, error instanceof Error ? error.message : String(error));
    } finally {
      if (fd >= 0) closeSync(fd);
    }
  }

  #cut(
    fd: number,
    range: { readonly from: number; readonly end: number | null; readonly fileSize: number },
    result: ResultBuilder,
  ): Promise<number> {
    this.#arena();
    const sink = (plain: Uint8Array): Promise<void> | void => this.#stored(plain, result);
    return this.#cutter!.cut(fd, range, sink, () => this.#stopped());
  }

  #stored(plain: Uint8Array, result: ResultBuilder): Promise<void> | void {
    breathe();
    Atomics.add(this.#setup.bytesRead, 0, BigInt(plain.length));
    return this.#store.store(plain, result);
  }

  #arena(): ChunkScanner {
    if (this.#scanner === null) {
      this.#scanner = createScanner(this.#setup.polynomial, ARENA_BYTES);
      this.#cutter = new FileCutter(this.#scanner);
    }
    return this.#scanner;
  }

  #stopped(): boolean {
    return Atomics.load(this.#setup.stop, 0) !== 0;
  }
}

/** Facts as they are sent: size, mtime, ctime, inode, device; all 64 bits, so that unsigned values wrap alike. */
export function writeFacts(stat: Stat, into: BigInt64Array, at: number): void {
  into[at] = stat.size;
  into[at + 1] = stat.mtimeNs;
  into[at + 2] = stat.ctimeNs;
  into[at + 3] = stat.ino;
  into[at + 4] = stat.dev;
}

function matchesFacts(stat: Stat, facts: BigInt64Array): boolean {
  writeFacts(stat, FACTS, 0);
  for (let i = 0; i < FACTS_PER_FILE; i++) if (FACTS[i] !== facts[i]) return false;
  return true;
}

const FACTS = new BigInt64Array(FACTS_PER_FILE);

function isSystemError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && typeof (error as { code?: unknown }).code === 'string' && 'errno' in error;
}
