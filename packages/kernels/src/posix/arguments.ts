/** Arguments on their way to C: paths with their NUL, in memory that does not move. */

import { systemError } from './errors.ts';
import type { Libc, StableMemory } from './libc.ts';

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
const SLASH = 0x2f;

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
    const target = this.#bytes;
    // Names are short: a loop costs less than a call of set() and one of includes().
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte === 0) return EINVAL; // C would see another, shorter path.
      target[at + i] = byte;
    }
    target[end] = 0;
    return 0;
  }
}
