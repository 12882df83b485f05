/**
 * Files to be read, in columns: what a thread must be told of each, and where its node lies in the text of its slice. They
 * are filled from the memory of a scan or from a stat, and copied out when there are enough; no object is made for a file.
 */
import { IDENTITY_WORDS, identitySize, STATX_WORDS, writeIdentity } from '../posix/identity.ts';
import type { Stat } from '../posix/posix.ts';

const SLASH = 0x2f;
const FIRST_PATH_BYTES = 16_384;

/** How much columns may hold. */
export interface FileLimits {
  readonly files: number;
  /** Of the files, by their sizes. */
  readonly bytes: number;
}

/** A copy of the columns. */
export interface FileRows {
  /** All paths one after another, each with a NUL behind it, which is at pathEnds[i]. */
  readonly paths: Uint8Array;
  readonly pathEnds: Uint32Array;
  /** IDENTITY_WORDS a file. */
  readonly identities: Int32Array;
  /** Where the node of each begins in the text of its slice, and where it ends, the comma after it included; 0 if in none. */
  readonly nodeStarts: Uint32Array;
  readonly nodeEnds: Uint32Array;
}

export class FileColumns {
  readonly #pathEnds: Uint32Array;
  readonly #identities: Int32Array;
  readonly #nodeStarts: Uint32Array;
  readonly #nodeEnds: Uint32Array;
  #paths = new Uint8Array(FIRST_PATH_BYTES);
  #pathsEnd = 0;
  #count = 0;
  #bytes = 0;

  /** `files`: never more than so many. */
  constructor(files: number) {
    this.#pathEnds = new Uint32Array(files);
    this.#identities = new Int32Array(files * IDENTITY_WORDS);
    this.#nodeStarts = new Uint32Array(files);
    this.#nodeEnds = new Uint32Array(files);
  }

  get count(): number {
    return this.#count;
  }

  reaches({ files, bytes }: FileLimits): boolean {
    return this.#count >= files || this.#bytes >= bytes;
  }

  /** Adds a file that is in no slice. The root makes `//name`, which means the same. */
  add(directory: Uint8Array, base: Uint8Array, stat: Stat): void {
    const from = this.#pathsEnd;
    const end = this.#endPath(directory.length + 1 + base.length);
    this.#paths.set(directory, from);
    this.#paths[from + directory.length] = SLASH;
    this.#paths.set(base, end - base.length);
    writeIdentity(stat, this.#identities, this.#count * IDENTITY_WORDS);
    this.#end(0, 0);
  }

  /** Adds a file of a slice: its path, without the NUL, and its row of struct statx, which begins at word `row`. */
  addRow(
    bytes: Uint8Array,
    pathAt: number,
    pathEnd: number,
    words: Uint32Array,
    row: number,
    nodeStart: number,
    nodeEnd: number,
  ): void {
    let to = this.#pathsEnd;
    this.#endPath(pathEnd - pathAt);
    const paths = this.#paths;
    for (let from = pathAt; from < pathEnd; from++) paths[to++] = bytes[from]!;
    const identities = this.#identities;
    const at = this.#count * IDENTITY_WORDS;
    for (let i = 0; i < IDENTITY_WORDS; i++) identities[at + i] = words[row + STATX_WORDS[i]!]!;
    this.#end(nodeStart, nodeEnd);
  }

  /** Returns a copy of what was added, and is empty again. */
  take(): FileRows {
    const count = this.#count;
    const rows = {
      paths: this.#paths.slice(0, this.#pathsEnd),
      pathEnds: this.#pathEnds.slice(0, count),
      identities: this.#identities.slice(0, count * IDENTITY_WORDS),
      nodeStarts: this.#nodeStarts.slice(0, count),
      nodeEnds: this.#nodeEnds.slice(0, count),
    };
    this.#pathsEnd = 0;
    this.#count = 0;
    this.#bytes = 0;
    return rows;
  }

  /** Makes room for a path and its NUL, which is written; returns where the path ends. */
  #endPath(length: number): number {
    const end = this.#pathsEnd + length;
    if (end >= this.#paths.length) {
      const grown = new Uint8Array(2 * (end + 1));
      grown.set(this.#paths.subarray(0, this.#pathsEnd));
      this.#paths = grown;
    }
    this.#paths[end] = 0;
    this.#pathEnds[this.#count] = end;
    this.#pathsEnd = end + 1;
    return end;
  }

  #end(nodeStart: number, nodeEnd: number): void {
    this.#nodeStarts[this.#count] = nodeStart;
    this.#nodeEnds[this.#count] = nodeEnd;
    this.#bytes += identitySize(this.#identities, this.#count * IDENTITY_WORDS);
    this.#count++;
  }
}
