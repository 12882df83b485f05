/** Posix through the C library: one transition a call, arguments and results in memory that is used again. */

import { constants } from 'node:fs';
import { Accounts } from './accounts.ts';
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, PATH_MAX, PathArgument } from './arguments.ts';
import { DirentCollector } from './dirents.ts';
import { errnoName, systemError } from './errors.ts';
import type { Libc, StableMemory } from './libc.ts';
import { NativeXattrs } from './native-xattrs.ts';
import { NativeNewFileList } from './new-file-list.ts';
import { NativeNewFiles } from './new-files.ts';
import type { Directory, NewFileList, NewFiles, Posix, Stat, StatBatch, Xattr, XattrBatch } from './posix.ts';
import { copyStat, LSTAT_FLAGS, STATX_BYTES, STATX_MASK, StatSlabs, viewOf } from './statx.ts';

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const FALLOC_FL_KEEP_SIZE = 1;
const S_IFIFO = 0o010000;
const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOATIME } = constants;
const O_PATH = 0o10000000;
const NS_PER_S = 1_000_000_000n;
/** Some thousand entries a call of getdents64. */
const DIRENTS_BYTES = 131_072;

const EMPTY_PATH = new Uint8Array(0);

export class NativePosix implements Posix {
  readonly native: boolean = true;
  readonly #libc: Libc;
  readonly #users = new Accounts('/etc/passwd');
  readonly #groups = new Accounts('/etc/group');
  readonly #path: PathArgument;
  readonly #otherPath: PathArgument;
  readonly #stat: StableMemory;
  readonly #times: StableMemory;
  readonly #timesView: DataView;
  readonly #link: StableMemory;
  readonly #dirents: StableMemory;
  readonly #slabs: StatSlabs;
  readonly #xattrs: NativeXattrs;
  readonly newFiles: NewFiles;
  /** Undefined until it is wanted. */
  #newFileList: NewFileList | null | undefined;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#path = new PathArgument(libc);
    this.#otherPath = new PathArgument(libc);
    this.#stat = libc.stableMemory(STATX_BYTES);
    this.#times = libc.stableMemory(32);
    this.#timesView = viewOf(this.#times);
    this.#link = libc.stableMemory(PATH_MAX);
    this.#dirents = libc.stableMemory(DIRENTS_BYTES + 1);
    this.#slabs = new StatSlabs(libc);
    this.#xattrs = new NativeXattrs(libc);
    this.newFiles = new NativeNewFiles(libc);
  }

  get newFileList(): NewFileList | null {
    if (this.#newFileList === undefined) this.#newFileList = NativeNewFileList.create();
    return this.#newFileList;
  }

  readDirectory(path: Uint8Array): Directory {
    const fd = this.#open(path, O_RDONLY | O_DIRECTORY, 'opendir');
    try {
      const collector = new DirentCollector();
      for (;;) {
        const filled = this.#libc.getdents64(fd, this.#dirents.address, DIRENTS_BYTES);
        if (filled < 0) throw this.#error('getdents64', path);
        if (filled === 0) return collector.finish();
        collector.add(this.#dirents.bytes, filled);
      }
    } finally {
      this.#libc.close(fd);
    }
  }

  lstatBatch(dir: Uint8Array, names: readonly Uint8Array[]): StatBatch {
    const fd = this.#libc.openat(AT_FDCWD, this.#path.set(dir, 'lstat'), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) throw this.#error('lstat', dir);
    try {
      const { statx, errno } = this.#libc;
      const path = this.#path;
      return this.#slabs.fill(
        names.length,
        (i, address) =>
          path.setBareName(names[i]!) || (statx(fd, path.address, LSTAT_FLAGS, STATX_MASK, address) < 0 ? errno() : 0),
        (i, code) => systemError(code, 'lstat', names[i]),
      );
    } finally {
      this.#libc.close(fd);
    }
  }

  lstat(path: Uint8Array): Stat {
    return this.#statx(AT_FDCWD, path, LSTAT_FLAGS, 'lstat');
  }

  stat(path: Uint8Array): Stat {
    return this.#statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, 'stat');
  }

  fstat(fd: number): Stat {
    return this.#statx(fd, EMPTY_PATH, AT_EMPTY_PATH, 'fstat');
  }

  readLink(path: Uint8Array): Uint8Array {
    const length = this.#libc.readlinkat(AT_FDCWD, this.#path.set(path, 'readlink'), this.#link.address, PATH_MAX);
    if (length < 0) throw this.#error('readlink', path);
    return new Uint8Array(this.#link.bytes.subarray(0, length));
  }

  listXattrs(path: Uint8Array, nofollow = true): readonly Xattr[] {
    return this.#xattrs.list(path, nofollow);
  }

  listXattrsBatch(dir: Uint8Array, names: readonly Uint8Array[]): XattrBatch {
    return this.#xattrs.listBatch(dir, names);
  }

  setXattr(path: Uint8Array, name: Uint8Array, value: Uint8Array, nofollow = true): void {
    this.#xattrs.set(path, name, value, nofollow);
  }

  removeXattr(path: Uint8Array, name: Uint8Array, nofollow = true): void {
    this.#xattrs.remove(path, name, nofollow);
  }

  setTimes(path: Uint8Array, atimeNs: bigint, mtimeNs: bigint, nofollow = true): void {
    this.#putTime(0, atimeNs);
    this.#putTime(16, mtimeNs);
    const at = this.#path.set(path, 'utimensat');
    const flags = nofollow ? AT_SYMLINK_NOFOLLOW : 0;
    this.#expect(this.#libc.utimensat(AT_FDCWD, at, this.#times.address, flags), 'utimensat', path);
  }

  lchown(path: Uint8Array, uid: number, gid: number): void {
    this.#expect(this.#libc.lchown(this.#path.set(path, 'lchown'), uid, gid), 'lchown', path);
  }

  chmod(path: Uint8Array, mode: number): void {
    this.#expect(this.#libc.chmod(this.#path.set(path, 'chmod'), mode), 'chmod', path);
  }

  mknod(path: Uint8Array, mode: number, dev: bigint): void {
    // The kernel takes 32 bits: 12 of major, 20 of minor. The rest of a dev_t has no use in any file system here.
    const number = Number(BigInt.asUintN(32, dev));
    this.#expect(this.#libc.mknodat(AT_FDCWD, this.#path.set(path, 'mknod'), mode, number), 'mknod', path);
  }

  mkfifo(path: Uint8Array, mode: number): void {
    this.mknod(path, S_IFIFO | (mode & 0o7777), 0n);
  }

  link(existing: Uint8Array, path: Uint8Array): void {
    const from = this.#otherPath.set(existing, 'link');
    this.#expect(this.#libc.linkat(AT_FDCWD, from, AT_FDCWD, this.#path.set(path, 'link'), 0), 'link', path);
  }

  symlink(target: Uint8Array, path: Uint8Array): void {
    const to = this.#otherPath.set(target, 'symlink');
    this.#expect(this.#libc.symlink(to, this.#path.set(path, 'symlink')), 'symlink', path);
  }

  fallocate(fd: number, size: number): void {
    for (;;) {
      if (this.#libc.fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size) === 0) return;
      const errno = this.#libc.errno();
      if (errnoName(errno) !== 'EINTR') throw systemError(errno, 'fallocate');
    }
  }

  openForRead(path: Uint8Array): number {
    return this.#open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 'open');
  }

  userName(uid: number): string {
    return this.#users.name(uid);
  }

  groupName(gid: number): string {
    return this.#groups.name(gid);
  }

  userId(name: string): number | null {
    return this.#users.id(name);
  }

  groupId(name: string): number | null {
    return this.#groups.id(name);
  }

  /** O_NOATIME is for the owner and root only (open(2)): EPERM means try without. */
  #open(path: Uint8Array, flags: number, call: string): number {
    const at = this.#path.set(path, call);
    let fd = this.#libc.openat(AT_FDCWD, at, flags | O_CLOEXEC | O_NOATIME, 0);
    if (fd < 0 && errnoName(this.#libc.errno()) === 'EPERM') {
      fd = this.#libc.openat(AT_FDCWD, at, flags | O_CLOEXEC, 0);
    }
    if (fd < 0) throw this.#error(call, path);
    return fd;
  }

  #statx(dirfd: number, path: Uint8Array, flags: number, call: string): Stat {
    const at = this.#path.set(path, call);
    this.#expect(this.#libc.statx(dirfd, at, flags, STATX_MASK, this.#stat.address), call, path);
    return copyStat(this.#stat.bytes);
  }

  /** struct timespec: seconds rounded down, so that times before 1970 count their nanoseconds forward too. */
  #putTime(at: number, ns: bigint): void {
    const forward = ((ns % NS_PER_S) + NS_PER_S) % NS_PER_S;
    this.#timesView.setBigInt64(at, (ns - forward) / NS_PER_S, true);
    this.#timesView.setBigInt64(at + 8, forward, true);
  }

  #expect(result: number, call: string, path: Uint8Array): void {
    if (result < 0) throw this.#error(call, path);
  }

  #error(call: string, path: Uint8Array): Error {
    return systemError(this.#libc.errno(), call, path);
  }
}
