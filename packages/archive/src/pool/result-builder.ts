/** Collects the outcome of a job, file by file, in the columns that are posted back. */
import type { Stat } from '@hostark/kernels';
import { ID_BYTES } from '@hostark/repository';
import type { FileFailure, FilesResult, StoredCounts } from './jobs.ts';

/** Rows are written in order: chunks, then fresh() if needed, then end() or fail(). */
export class ResultBuilder {
  readonly #status: Uint8Array;
  readonly #chunkEnds: Uint32Array;
  readonly #sizes: Float64Array;
  readonly #failures: FileFailure[] = [];
  readonly #fresh: { file: number; stat: Stat }[] = [];
  #ids: Uint8Array;
  #chunks = 0;
  #file = 0;

  constructor(files: number) {
    this.#status = new Uint8Array(files);
    this.#chunkEnds = new Uint32Array(files);
    this.#sizes = new Float64Array(files);
    this.#ids = new Uint8Array(Math.max(files, 8) * ID_BYTES);
  }

  /** Adds a chunk to the current file; the id is copied. */
  chunk(id: Uint8Array): void {
    const at = this.#chunks * ID_BYTES;
    if (at === this.#ids.length) {
      const grown = new Uint8Array(this.#ids.length * 2);
      grown.set(this.#ids);
      this.#ids = grown;
    }
    this.#ids.set(id, at);
    this.#chunks++;
  }

  /** The open file is not what lstat saw. */
  fresh(stat: Stat): void {
    // Field by field: a Stat may be a view that cannot be posted.
    const { mode, uid, gid, nlink, ino, dev, rdev, size, blocks, atimeNs, mtimeNs, ctimeNs } = stat;
    const copy = { mode, uid, gid, nlink, ino, dev, rdev, size, blocks, atimeNs, mtimeNs, ctimeNs };
    this.#fresh.push({ file: this.#file, stat: copy });
  }

  /** Ends the current file. */
  end(status: number, size: number): void {
    this.#status[this.#file] = status;
    this.#sizes[this.#file] = size;
    this.#chunkEnds[this.#file] = this.#chunks;
    this.#file++;
  }

  /** Ends the current file with an error. */
  fail(status: number, during: string, message: string): void {
    this.#failures.push({ file: this.#file, during, message });
    this.end(status, 0);
  }

  finish(stored: StoredCounts): FilesResult {
    return {
      status: this.#status,
      chunkEnds: this.#chunkEnds,
      ids: this.#ids.subarray(0, this.#chunks * ID_BYTES),
      sizes: this.#sizes,
      failures: this.#failures,
      fresh: this.#fresh,
      stored,
    };
  }
}
