/**
 * The C library's calls that `NativePosix` needs, bound by koffi: Linux on x64, arm64 and riscv64.
 * Pointers are plain numbers: addresses inside memory that `stableMemory` gave out. That is the cheapest way through
 * the boundary, and the reason why nothing outside this folder sees these functions.
 */

import { koffiModule } from '../optional-module.ts';

/** Memory outside the JavaScript heap, so that it never moves, and its address. Keep `bytes` alive while C uses it. */
export interface StableMemory {
  readonly bytes: Buffer;
  readonly address: number;
}

export interface Libc {
  /** The errno of the last call of this thread that failed. */
  errno(): number;
  stableMemory(size: number): StableMemory;
  /** The address of memory that stays where it is: outside the JavaScript heap, or of a WebAssembly memory until it grows. */
  addressOf(memory: Uint8Array): number;
  openat(dirfd: number, path: number, flags: number, mode: number): number;
  close(fd: number): number;
  read(fd: number, buffer: number, size: number): number;
  statx(dirfd: number, path: number, flags: number, mask: number, buffer: number): number;
  getdents64(fd: number, buffer: number, size: number): number;
  readlinkat(dirfd: number, path: number, buffer: number, size: number): number;
  llistxattr(path: number, list: number, size: number): number;
  listxattr(path: number, list: number, size: number): number;
  lgetxattr(path: number, name: number, value: number, size: number): number;
  getxattr(path: number, name: number, value: number, size: number): number;
  lsetxattr(path: number, name: number, value: number, size: number, flags: number): number;
  setxattr(path: number, name: number, value: number, size: number, flags: number): number;
  lremovexattr(path: number, name: number): number;
  removexattr(path: number, name: number): number;
  utimensat(dirfd: number, path: number, times: number, flags: number): number;
  lchown(path: number, uid: number, gid: number): number;
  chmod(path: number, mode: number): number;
  mknodat(dirfd: number, path: number, mode: number, dev: number): number;
  linkat(fromFd: number, from: number, toFd: number, to: number, flags: number): number;
  symlink(target: number, path: number): number;
  fallocate(fd: number, mode: number, offset: number, size: number): number;
  lseek(fd: number, offset: number, whence: number): number | bigint;
  fadvise(fd: number, offset: number, size: number, advice: number): number;
  /** `data` is a typed array, also over shared memory. */
  pwrite(fd: number, data: Uint8Array, size: number, offset: number): number;
  flistxattr(fd: number, list: number, size: number): number;
  fchown(fd: number, uid: number, gid: number): number;
  fchmod(fd: number, mode: number): number;
  futimens(fd: number, times: number): number;
  /** Takes the memory itself: pages of a buffer that lives outside the JavaScript heap. */
  madvise(memory: Uint8Array, size: number, advice: number): number;
  mmap(at: number, size: number, access: number, flags: number, fd: number, offset: number): number | bigint;
  munmap(at: number, size: number): number;
  mprotect(at: number, size: number, access: number): number;
  copyTo(to: number, from: Uint8Array, size: number): void;
  copyFrom(to: Uint8Array, from: number, size: number): void;
}

/** Numbers of system calls that older C libraries have no function for (getdents64: glibc 2.30, mknodat: 2.33). */
const SYSCALLS: Partial<Record<NodeJS.Architecture, { readonly getdents64: number; readonly mknodat: number }>> = {
  x64: { getdents64: 217, mknodat: 259 },
  arm64: { getdents64: 61, mknodat: 33 },
  riscv64: { getdents64: 61, mknodat: 33 },
};

let bound: Libc | null | undefined;

/** Returns the bindings, or null where they cannot be had; binds once a thread. */
export function libc(): Libc | null {
  if (bound === undefined) bound = bind();
  return bound;
}

function bind(): Libc | null {
  const numbers = SYSCALLS[process.arch];
  const ffi = koffiModule();
  if (process.platform !== 'linux' || numbers === undefined || ffi === null) return null;
  try {
    const library = ffi.load(null);
    const path = 'uintptr_t path';
    const syscall = library.func('long syscall(long number, long a, uintptr_t b, ulong c, ulong d)');
    return {
      errno: () => ffi.errno(),
      stableMemory(size) {
        const bytes = Buffer.allocUnsafeSlow(size);
        return { bytes, address: Number(ffi.address(bytes)) };
      },
      addressOf: (memory) => Number(ffi.address(memory)),
      getdents64: (fd, buffer, size) => syscall(numbers.getdents64, fd, buffer, size, 0),
      mknodat: (dirfd, at, mode, dev) => syscall(numbers.mknodat, dirfd, at, mode, dev),
      openat: library.func(`int openat(int dirfd, ${path}, int flags, uint mode)`),
      close: library.func('int close(int fd)'),
      read: library.func('long read(int fd, uintptr_t buffer, size_t size)'),
      statx: library.func(`int statx(int dirfd, ${path}, int flags, uint mask, uintptr_t buffer)`),
      readlinkat: library.func(`long readlinkat(int dirfd, ${path}, uintptr_t buffer, size_t size)`),
      llistxattr: library.func(`long llistxattr(${path}, uintptr_t list, size_t size)`),
      listxattr: library.func(`long listxattr(${path}, uintptr_t list, size_t size)`),
      lgetxattr: library.func(`long lgetxattr(${path}, uintptr_t name, uintptr_t value, size_t size)`),
      getxattr: library.func(`long getxattr(${path}, uintptr_t name, uintptr_t value, size_t size)`),
      lsetxattr: library.func(`int lsetxattr(${path}, uintptr_t name, uintptr_t value, size_t size, int flags)`),
      setxattr: library.func(`int setxattr(${path}, uintptr_t name, uintptr_t value, size_t size, int flags)`),
      lremovexattr: library.func(`int lremovexattr(${path}, uintptr_t name)`),
      removexattr: library.func(`int removexattr(${path}, uintptr_t name)`),
      utimensat: library.func(`int utimensat(int dirfd, ${path}, uintptr_t times, int flags)`),
      lchown: library.func(`int lchown(${path}, uint uid, uint gid)`),
      chmod: library.func(`int chmod(${path}, uint mode)`),
      linkat: library.func('int linkat(int fromFd, uintptr_t from, int toFd, uintptr_t to, int flags)'),
      symlink: library.func(`int symlink(uintptr_t target, ${path})`),
      fallocate: library.func('int fallocate(int fd, int mode, int64_t offset, int64_t size)'),
      lseek: library.func('int64_t lseek(int fd, int64_t offset, int whence)'),
      fadvise: library.func('int posix_fadvise(int fd, int64_t offset, int64_t size, int advice)'),
      pwrite: library.func('long pwrite(int fd, void *data, size_t size, int64_t offset)'),
      flistxattr: library.func('long flistxattr(int fd, uintptr_t list, size_t size)'),
      fchown: library.func('int fchown(int fd, uint uid, uint gid)'),
      fchmod: library.func('int fchmod(int fd, uint mode)'),
      futimens: library.func('int futimens(int fd, uintptr_t times)'),
      madvise: library.func('int madvise(void *memory, size_t size, int advice)'),
      mmap: library.func('intptr_t mmap(uintptr_t at, size_t size, int access, int flags, int fd, int64_t offset)'),
      munmap: library.func('int munmap(uintptr_t at, size_t size)'),
      mprotect: library.func('int mprotect(uintptr_t at, size_t size, int access)'),
      copyTo: library.func('void *memcpy(uintptr_t to, void *from, size_t size)'),
      copyFrom: library.func('void *memcpy(void *to, uintptr_t from, size_t size)'),
    };
  } catch {
    return null; // A C library without one of them: the fallback has all that can be had without.
  }
}
