/**
 * Files that have no name until they are complete: made by O_TMPFILE, filled and dressed by descriptor, then linked. Five
 * system calls a file, none of which looks a long path up twice; nobody else can open the file before it has its name, and
 * a kill leaves nothing behind. See open(2), linkat(2).
 */

import { constants } from 'node:fs';
import { type Memory, wordsOf, zeroedMemory } from '../memory.ts';
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, PATH_MAX, PathArgument, putTimes, TIMES_BYTES } from './arguments.ts';
import { errnoName, systemError } from './errors.ts';
import type { Libc } from './libc.ts';
import type { NewFiles } from './posix.ts';

const AT_SYMLINK_FOLLOW = 0x400;
export const O_TMPFILE: number = 0o20000000 | constants.O_DIRECTORY;
const NOT_HERE: readonly string[] = ['EOPNOTSUPP', 'ENOTSUP', 'EISDIR', 'EINVAL'];

export class NativeNewFiles implements NewFiles {
  readonly #libc: Libc;
  readonly #folder: PathArgument;
  readonly #path: PathArgument;
  readonly #self: PathArgument;
  readonly #times: Memory = zeroedMemory(TIMES_BYTES);
  readonly #timeWords: Int32Array = wordsOf(this.#times);
  /** Linking by the descriptor alone: allowed to root, and to all from Linux 6.10 on. */
  #linksDescriptors = true;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#folder = new PathArgument(libc);
    this.#path = new PathArgument(libc);
    this.#self = new PathArgument(libc);
  }

  enter(folder: Uint8Array): void {
    if (folder.length + 2 > PATH_MAX) throw systemError(36, 'open', folder);
    this.#folder.set(folder, 'open');
    this.#path.setDirectory(folder, 'open');
  }

  create(permissions: number): number {
    const fd = this.#libc.openat(
      AT_FDCWD,
      this.#folder.address,
      O_TMPFILE | O_CLOEXEC | constants.O_WRONLY,
      permissions,
    );
    if (fd >= 0) return fd;
    const errno = this.#libc.errno();
    if (NOT_HERE.includes(errnoName(errno))) return -1;
    throw systemError(errno, 'open', this.#folder.current());
  }

  write(fd: number, data: Uint8Array): void {
    for (let at = 0; at < data.length; ) {
      const rest = at === 0 ? data : data.subarray(at);
      const written = this.#libc.pwrite(fd, rest, rest.length, at);
      if (written >= 0) at += written;
      else this.#retryOrThrow('write');
    }
  }

  hasXattrs(fd: number): boolean {
    const length = this.#libc.flistxattr(fd, 0, 0);
    if (length < 0 && errnoName(this.#libc.errno()) !== 'ENOTSUP') throw this.#error('flistxattr');
    return length > 0;
  }

  setOwner(fd: number, uid: number, gid: number): void {
    if (this.#libc.fchown(fd, uid, gid) < 0) throw this.#error('fchown');
  }

  setTimes(fd: number, atimeS: number, atimeNs: number, mtimeS: number, mtimeNs: number): void {
    putTimes(this.#timeWords, 0, { atimeS, atimeNs, mtimeS, mtimeNs });
    if (this.#libc.futimens(fd, this.#times.address) < 0) throw this.#error('futimens');
  }

  setPermissions(fd: number, permissions: number): void {
    if (this.#libc.fchmod(fd, permissions) < 0) throw this.#error('fchmod');
  }

  link(fd: number, name: Uint8Array): boolean {
    const errno = this.#path.setName(name) || this.#link(fd);
    if (errno === 0) return true;
    const error = systemError(errno, 'link', this.#path.current());
    if (error.code === 'EEXIST') return false;
    throw error;
  }

  close(fd: number): void {
    // Interrupted or not, Linux has closed it.
    if (this.#libc.close(fd) < 0 && errnoName(this.#libc.errno()) !== 'EINTR') throw this.#error('close');
  }

  /** Returns 0 or a positive errno. */
  #link(fd: number): number {
    const to = this.#path.address;
    if (this.#linksDescriptors) {
      const empty = this.#self.set(EMPTY, 'link');
      if (this.#libc.linkat(fd, empty, AT_FDCWD, to, AT_EMPTY_PATH) === 0) return 0;
      const errno = this.#libc.errno();
      if (errnoName(errno) !== 'ENOENT') return errno;
    }
    const self = this.#self.set(Buffer.from(`/proc/self/fd/${fd}`, 'latin1'), 'link');
    if (this.#libc.linkat(AT_FDCWD, self, AT_FDCWD, to, AT_SYMLINK_FOLLOW) !== 0) return this.#libc.errno();
    this.#linksDescriptors = false;
    return 0;
  }

  #retryOrThrow(call: string): void {
    const error = this.#error(call);
    if ((error as NodeJS.ErrnoException).code !== 'EINTR') throw error;
  }

  #error(call: string): Error {
    return systemError(this.#libc.errno(), call, this.#folder.current());
  }
}

const EMPTY: Uint8Array = new Uint8Array(0);
