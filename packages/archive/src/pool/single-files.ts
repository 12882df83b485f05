/** Small files one after another: read whole by four calls, then hashed, compressed and sealed while they are in the cache. */
import {
  type FileList,
  IDENTITY_WORDS,
  identitySize,
  type Memory,
  MIN_CHUNK,
  type Platform,
  pathStart,
  type WholeFiles,
  wholeFiles,
} from '@hostark/kernels';
import type { ChunkStore } from './chunk-store.ts';
import { FILE_SAVED } from './jobs.ts';
import type { ResultBuilder } from './result-builder.ts';
import type { SmallFiles } from './small-files.ts';

/** A file at a time; this many before others have their turn, and the signal to stop is looked at. */
const FILES = 64;

export class SingleFiles implements SmallFiles {
  readonly #files: WholeFiles;
  readonly #store: ChunkStore;
  readonly #memory: Memory;
  /** What the file that was read last waits for. */
  #waits: Promise<void> | undefined;

  private constructor(files: WholeFiles, store: ChunkStore, memory: Memory) {
    this.#files = files;
    this.#store = store;
    this.#memory = memory;
  }

  /** Returns null where there is no native call. */
  static create(platform: Platform, store: ChunkStore): SingleFiles | null {
    const files = wholeFiles();
    return files && new SingleFiles(files, store, platform.memory(Buffer.allocUnsafeSlow(MIN_CHUNK)));
  }

  async next(list: FileList, from: number, result: ResultBuilder, read: (bytes: number) => void): Promise<number> {
    const end = Math.min(from + FILES, list.pathEnds.length);
    const file = this.#wholeFrom(list, from, end, result, read);
    if (this.#waits === undefined) return file - from;
    await this.#waits;
    this.#waits = undefined;
    result.end(FILE_SAVED, identitySize(list.identities, file * IDENTITY_WORDS));
    return file + 1 - from;
  }

  /** Does files, and returns the number of the first that is not done: it waits, or needs the long way. */
  #wholeFrom(list: FileList, from: number, end: number, result: ResultBuilder, read: (bytes: number) => void): number {
    const { paths, pathEnds, identities } = list;
    for (let file = from; file < end; file++) {
      const at = file * IDENTITY_WORDS;
      const size = identitySize(identities, at);
      if (size >= MIN_CHUNK) return file;
      if (!this.#files.read(paths, pathStart(pathEnds, file), size, this.#memory, identities, at)) return file;
      if (size > 0) {
        read(size);
        this.#waits = this.#store.store(this.#memory, 0, size, result);
        if (this.#waits !== undefined) return file;
      }
      result.end(FILE_SAVED, size);
    }
    return end;
  }
}
