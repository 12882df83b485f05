/**
 * Small files read whole by four system calls and nothing else: open, read, look, close. For a file that is still what
 * lstat saw; every other one is for the way that can say what is wrong with it.
 */

import { constants } from 'node:fs';
import { expectInside, type Memory } from '../memory.ts';
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC } from './arguments.ts';
import { isIdentityOf } from './identity.ts';
import { type Libc, libc, type StableMemory } from './libc.ts';
import { STATX_BYTES, STATX_MASK } from './statx.ts';

const EPERM = 1;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOATIME } = constants;
const FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

export class WholeFiles {
  readonly #libc: Libc;
  readonly #stat: StableMemory;
  readonly #statWords: Int32Array;
  /** An empty path: its first byte is the NUL. */
  readonly #nothing: StableMemory;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#stat = libc.stableMemory(STATX_BYTES);
    this.#statWords = new Int32Array(this.#stat.bytes.buffer, this.#stat.bytes.byteOffset, STATX_BYTES / 4);
    this.#nothing = libc.stableMemory(8);
    this.#nothing.bytes.fill(0);
  }

  /**
   * Reads the file whose path, ended by a NUL, begins at `pathAt` of `paths` into `target` from its start on. Returns true
   * if it holds `size` bytes and is what `identity` says from word `at` on, both after it was read. False for every other
   * file and every error; then what is in `target` means nothing. Throws RangeError unless `target` has room for one byte more.
   */
  read(paths: Memory, pathAt: number, size: number, target: Memory, identity: Int32Array, at: number): boolean {
    expectInside(paths, pathAt, 1);
    expectInside(target, 0, size + 1);
    const { openat, close } = this.#libc;
    const path = paths.address + pathAt;
    let fd = openat(AT_FDCWD, path, FLAGS | O_NOATIME, 0);
    // For the owner and root only (open(2)).
    if (fd < 0 && this.#libc.errno() === EPERM) fd = openat(AT_FDCWD, path, FLAGS, 0);
    if (fd < 0) return false;
    // One byte more than there should be shows a file that has grown.
    const whole = this.#libc.read(fd, target.address, size + 1) === size && this.#is(fd, identity, at);
    close(fd);
    return whole;
  }

  #is(fd: number, identity: Int32Array, at: number): boolean {
    if (this.#libc.statx(fd, this.#nothing.address, AT_EMPTY_PATH, STATX_MASK, this.#stat.address) < 0) return false;
    return isIdentityOf(this.#statWords, 0, identity, at);
  }
}

/** Returns null where there is no native call. */
export function wholeFiles(): WholeFiles | null {
  const bindings = libc();
  return bindings === null ? null : new WholeFiles(bindings);
}
