/** Arguments on their way to C: paths with their NUL and times, in memory that does not move. */

import { put64 } from '../memory.ts';
import { systemError } from './errors.ts';
import type { Libc, StableMemory } from './libc.ts';
import type { Times } from './posix.ts';

/** PATH_MAX, the terminating NUL included. */
export const PATH_MAX = 4096;
/** "Relative to the working folder", where a call takes a folder's descriptor. */
export const AT_FDCWD = -100;
/** "The descriptor itself", where the path is empty. */
export const AT_EMPTY_PATH = 0x1000;
/** One value on all architectures that libc.ts binds; Node does not name it. */
export const O_CLOEXEC = 0o2000000;
const ENAMETOOLONG = 36;
const EINVAL = 22;
export const SLASH = 0x2f;

/** One path argument; holds one path at a time. */
export class PathArgument {
  readonly address: number;
  readonly #bytes: Buffer;
  #prefix = 0;

  constructor(libc: Libc) {
    const memory: StableMemory = libc.stableMemory(PATH_MAX);
    this.address = memory.address;
    this.#bytes = memory.bytes;
  }

  /** Writes `path` and its NUL and returns the address. Throws EINVAL for a NUL inside, ENAMETOOLONG from 4096 bytes on. */
  set(path: Uint8Array, syscall: string): number {
    const errno = this.#put(path, 0);
    if (errno !== 0) throw systemError(errno, syscall, path);
    return this.address;
  }

  /** Writes `dir` and a slash, for `setName` to complete. */
  setDirectory(dir: Uint8Array, syscall: string): void {
    this.set(dir, syscall);
    this.#bytes[dir.length] = SLASH;
    this.#prefix = dir.length + 1;
  }

  /** Completes the path with `name`. Returns 0 or a positive errno. */
  setName(name: Uint8Array): number {
    return this.#put(name, this.#prefix);
  }

  /** Writes a name on its own, as for the calls that take a directory's descriptor. Returns 0 or a positive errno. */
  setBareName(name: Uint8Array): number {
    return this.#put(name, 0);
  }

  /** Returns what is set, without its NUL, in memory of its own: for errors. */
  current(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#bytes.indexOf(0)));
  }

  #put(bytes: Uint8Array, at: number): number {
    const end = at + bytes.length;
    if (end >= PATH_MAX) return ENAMETOOLONG;
    if (!copyPath(bytes, this.#bytes, at)) return EINVAL;
    this.#bytes[end] = 0;
    return 0;
  }
}

/** Copies a path or a name. Returns false when it comes to a NUL inside: C would see another, shorter path. */
export function copyPath(path: Uint8Array, target: Uint8Array, at: number): boolean {
  // Names are short: a loop costs less than a call of set() and one of includes().
  for (let i = 0; i < path.length; i++) {
    const byte = path[i]!;
    if (byte === 0) return false;
    target[at + i] = byte;
  }
  return true;
}

/** Two struct timespec, of access and modification, as utimensat(2) takes them. */
export const TIMES_BYTES = 32;

/** Writes times to `words` from word `at` on. */
export function putTimes(words: Int32Array, at: number, { atimeS, atimeNs, mtimeS, mtimeNs }: Times): void {
  put64(words, at, atimeS);
  put64(words, at + 2, atimeNs);
  put64(words, at + 4, mtimeS);
  put64(words, at + 6, mtimeNs);
}
