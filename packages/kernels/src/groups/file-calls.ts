/**
 * The system calls that read small files whole, as a list: open, read, look, close for each. For files that are still what lstat saw;
 * every other one is for the way that can say what is wrong with it.
 */
import { constants } from 'node:fs';
import type { CallList } from '../machine/call-list.ts';
import { SYSTEM_CALLS } from '../machine/system-calls.ts';
import { expectInside, type Memory, wordsOf, zeroedMemory } from '../memory.ts';
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC } from '../posix/arguments.ts';
import { IDENTITY_WORDS, isIdentityOf } from '../posix/identity.ts';
import { STATX_BYTES, STATX_MASK } from '../posix/statx.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOATIME } = constants;
const FLAGS: number = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC;

/** The calls of a file, in their order. */
const [OPENAT, READ, STATX, CLOSE] = [0, 1, 2, 3];
export const CALLS_PER_FILE = 4;

/** Files in columns, as they are sent to be read. */
export interface FileList {
  /** All paths one after another, each with a NUL behind it, which is at pathEnds[i]. */
  readonly paths: Memory;
  readonly pathEnds: Uint32Array;
  /** IDENTITY_WORDS each. */
  readonly identities: Int32Array;
}

/** Returns where the path of a file begins in `paths`. */
export function pathStart(pathEnds: Uint32Array, file: number): number {
  return file === 0 ? 0 : pathEnds[file - 1]! + 1;
}

/** Some of the files of a list: where each goes in the target, and its size. Kept until they are read. */
export interface FilesToRead {
  readonly list: FileList;
  /** Of the first one in the list. */
  readonly from: number;
  readonly count: number;
  readonly places: Uint32Array;
  readonly sizes: Uint32Array;
}

export class FileCalls {
  readonly #calls: CallList;
  readonly #most: number;
  /** A struct statx for each file. */
  readonly #stats: Memory;
  readonly #statWords: Int32Array;
  /** An empty path: its first byte is the NUL. */
  readonly #nothing: Memory = zeroedMemory(8);

  /** Writes what never changes to the first calls of a list, CALLS_PER_FILE for each of `most` files. */
  constructor(calls: CallList, most: number) {
    this.#calls = calls;
    this.#most = most;
    this.#stats = zeroedMemory(most * STATX_BYTES);
    this.#statWords = wordsOf(this.#stats);
    for (let slot = 0; slot < most; slot++) this.#writeSlot(slot);
  }

  /**
   * Writes the calls that read some files, each to its place in `target`, and returns the number of the first; the last one is always
   * that before CALLS_PER_FILE * `most`, so that others can follow. Throws RangeError unless each path ends with a NUL and each place
   * has room for one byte more than the file.
   */
  write(files: FilesToRead, target: Memory): number {
    const calls = this.#calls;
    const { list, from, count, places, sizes } = files;
    const first = CALLS_PER_FILE * this.#slot(files, 0);
    for (let file = 0, call = first; file < count; file++, call += CALLS_PER_FILE) {
      const size = sizes[file]! + 1;
      expectInside(target, places[file]!, size);
      calls.argument(call + OPENAT, 1, list.paths.address + pathAt(list, from + file));
      calls.argument(call + READ, 1, target.address + places[file]!);
      // One byte more than there should be shows a file that has grown.
      calls.argument(call + READ, 2, size);
    }
    return first;
  }

  /** Says, once the calls are made, whether a file was read as it was seen. If not, what is in its place means nothing. */
  isWhole(files: FilesToRead, file: number): boolean {
    const { list, from, sizes } = files;
    const slot = this.#slot(files, file);
    const first = CALLS_PER_FILE * slot;
    if (this.#calls.result(first + READ) !== sizes[file] || this.#calls.result(first + STATX) !== 0) return false;
    const at = (slot * STATX_BYTES) / 4;
    return isIdentityOf(this.#statWords, at, list.identities, (from + file) * IDENTITY_WORDS);
  }

  /** The files of a list take its last slots. */
  #slot({ count }: FilesToRead, file: number): number {
    return this.#most - count + file;
  }

  #writeSlot(slot: number): void {
    const first = CALLS_PER_FILE * slot;
    const calls = this.#calls;
    // For the owner and root only because of O_NOATIME (open(2)); others go the long way.
    calls.write(first + OPENAT, SYSTEM_CALLS.openat, AT_FDCWD, 0, FLAGS, 0);
    calls.write(first + READ, SYSTEM_CALLS.read);
    const stat = this.#stats.address + slot * STATX_BYTES;
    calls.write(first + STATX, SYSTEM_CALLS.statx, 0, this.#nothing.address, AT_EMPTY_PATH, STATX_MASK, stat);
    calls.write(first + CLOSE, SYSTEM_CALLS.close);
    for (const call of [READ, STATX, CLOSE]) calls.takes(first + call, first + OPENAT);
  }
}

/** The same, once the path is known to end. */
function pathAt({ paths, pathEnds }: FileList, file: number): number {
  if (paths.bytes[pathEnds[file]!] !== 0) throw new RangeError('expected a path that ends with a NUL');
  return pathStart(pathEnds, file);
}
