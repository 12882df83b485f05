/**
 * What a worker does, without the thread around it: reads files, cuts, hashes, and stores what nobody has yet.
 * The same class runs inside worker threads and, with `workers: 0`, on the calling thread. One job at a time.
 */
import { closeSync } from 'node:fs';
import {
  type ChunkScanner,
  createScanner,
  type FileList,
  IDENTITY_WORDS,
  identitySize,
  type Memory,
  MIN_CHUNK,
  nodePlatform,
  type Platform,
  type Posix,
  pathStart,
  posix,
  type Stat,
  sameIdentity,
  writeIdentity,
} from '@hostark/kernels';
import { nodeTypeOf } from '@hostark/repository';
import { ChunkStore } from './chunk-store.ts';
import { breathe } from './cpu-limit.ts';
import { ARENA_BYTES, type ChunkSink, FileCutter } from './file-cutter.ts';
import { FileGroups } from './file-groups.ts';
import {
  type EngineSetup,
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
import { SingleFiles } from './single-files.ts';
import type { SlabExchange } from './slabs.ts';
import type { SmallFiles } from './small-files.ts';

/** Bytes read are told in steps of this, and at the end of each job: progress needs no more. */
const TELL_BYTES = 1024 * 1024;

/** Runs jobs. Errors of single files are part of results; what rejects is the end of the backup. */
export class Engine {
  readonly #setup: EngineSetup;
  readonly #platform: Platform;
  readonly #posix: Posix;
  readonly #store: ChunkStore;
  /** Null where there are no native calls. */
  #small: SmallFiles | null = null;
  #scanner: ChunkScanner | null = null;
  #cutter: FileCutter | null = null;
  #arenaMemory: Memory | null = null;
  /** Read, and not yet told to the others. */
  #bytesRead = 0;

  constructor(setup: EngineSetup, slabs: SlabExchange) {
    this.#setup = setup;
    this.#platform = nodePlatform();
    this.#posix = posix();
    this.#store = new ChunkStore(setup, this.#platform, slabs);
  }

  async run(job: PoolJob): Promise<FilesResult> {
    if (job.kind === 'files') return await this.#files(job);
    if (job.kind === 'part') return await this.#part(job);
    await this.#store.flush();
    return this.#finish(new ResultBuilder(0));
  }

  async #files(job: FilesJob): Promise<FilesResult> {
    const { paths, pathEnds, identities } = job;
    const result = new ResultBuilder(pathEnds.length);
    const list = { paths: this.#platform.memory(paths), pathEnds, identities };
    for (let file = 0; file < pathEnds.length; ) {
      const stored = await this.#smallFiles(list, file, result);
      file += stored;
      // The long way meets the same error, and reports it.
      if (stored === 0) await this.#anyFile(job, file++, result);
    }
    return this.#finish(result);
  }

  /** Does files the short way, from number `from` on, and returns how many. */
  async #smallFiles(list: FileList, from: number, result: ResultBuilder): Promise<number> {
    if (identitySize(list.identities, from * IDENTITY_WORDS) >= MIN_CHUNK || this.#stopped()) return 0;
    this.#small ??= FileGroups.create(this.#setup, this.#store) ?? SingleFiles.create(this.#platform, this.#store);
    return (await this.#small?.next(list, from, result, this.#tell)) ?? 0;
  }

  async #anyFile(job: FilesJob, file: number, result: ResultBuilder): Promise<void> {
    const path = job.paths.subarray(pathStart(job.pathEnds, file), job.pathEnds[file]!);
    const identity = job.identities.subarray(file * IDENTITY_WORDS, (file + 1) * IDENTITY_WORDS);
    await this.#file(path, identity, result, (fd, stat) =>
      this.#cut(fd, { from: 0, end: null, fileSize: Number(stat.size) }, result),
    );
  }

  async #part(job: PartJob): Promise<FilesResult> {
    const result = new ResultBuilder(1);
    await this.#file(job.path, job.identity, result, async (fd, stat) => {
      const scanner = this.#arena();
      const file = { fd, partBytes: job.partBytes, starts: job.starts };
      const from = partStart(file, job.index, scanner);
      if (from === null) return 0; // the part before goes on through this one
      const end = partEnd(file, job.index, scanner);
      return await this.#cut(fd, { from, end, fileSize: Number(stat.size) }, result);
    });
    return this.#finish(result);
  }

  #finish(result: ResultBuilder): FilesResult {
    this.#tellBytesRead();
    return result.finish(this.#store.takeCounts());
  }

  /** Opens one file, lets `read` read it, and records what became of it. */
  async #file(
    path: Uint8Array,
    identity: Int32Array,
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
      if (!isStill(before, identity)) result.fresh(before);
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
    const sink: ChunkSink = (length, zeros) => this.#stored(length, result, zeros);
    return this.#cutter!.cut(fd, range, sink, () => this.#stopped());
  }

  /** Stores the chunk in the first `length` bytes of the arena. */
  #stored(length: number, result: ResultBuilder, zeros = false): Promise<void> | undefined {
    this.#tell(length);
    return this.#store.store(this.#arenaMemory!, 0, length, result, zeros);
  }

  readonly #tell = (bytes: number): void => {
    breathe();
    this.#bytesRead += bytes;
    if (this.#bytesRead >= TELL_BYTES) this.#tellBytesRead();
  };

  #tellBytesRead(): void {
    Atomics.add(this.#setup.bytesRead, 0, BigInt(this.#bytesRead));
    this.#bytesRead = 0;
  }

  #arena(): ChunkScanner {
    if (this.#scanner === null) {
      this.#scanner = createScanner(this.#setup.polynomial, ARENA_BYTES);
      this.#cutter = new FileCutter(this.#scanner);
      this.#arenaMemory = this.#platform.memory(this.#scanner.arena);
    }
    return this.#scanner;
  }

  #stopped(): boolean {
    return Atomics.load(this.#setup.stop, 0) !== 0;
  }
}

function isStill(stat: Stat, identity: Int32Array): boolean {
  const now = new Int32Array(IDENTITY_WORDS);
  writeIdentity(stat, now, 0);
  return sameIdentity(now, 0, identity, 0);
}

function isSystemError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && typeof (error as { code?: unknown }).code === 'string' && 'errno' in error;
}
