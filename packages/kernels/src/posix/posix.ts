/**
 * POSIX calls that Node lacks or makes slow, all synchronous, all with byte paths (no trailing NUL, no NUL inside).
 * Errors are Errors with `code` (`ENOENT`), `errno` (negative, as in Node), `syscall` and `path` (lossy text, for people).
 * Two implementations: native (koffi, Linux) and fallback (Node's `fs`); `fallback.ts` says what the fallback loses.
 */

/**
 * What lstat says. Views may share one buffer, so keep fields rather than thousands of views of a large directory.
 * Times are nanoseconds since 1970, negative before it.
 */
export interface Stat {
  /** st_mode: type and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: bigint;
  readonly ino: bigint;
  /** st_dev and st_rdev as makedev() encodes them. */
  readonly dev: bigint;
  readonly rdev: bigint;
  readonly size: bigint;
  /** Units of 512 bytes. */
  readonly blocks: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** The names in a directory without `.` and `..`, ascending by bytes. */
export interface Directory {
  readonly names: readonly Uint8Array[];
  /** The kernel's hint for each name: DT_REG 8, DT_DIR 4, DT_LNK 10, DT_FIFO 1, DT_SOCK 12, DT_CHR 2, DT_BLK 6; 0 = ask lstat. */
  readonly types: Uint8Array;
}

/** Stats of many names; costs one buffer, not an object a name. */
export interface StatBatch {
  readonly length: number;
  /** Returns null when lstat worked for name `i`, else its errno string. */
  code(i: number): string | null;
  /** Returns a light view of the stat of name `i`. Throws the call's error when it failed. */
  stat(i: number): Stat;
}

/** One extended attribute; the name with its prefix (`user.`, `security.`, ...). */
export interface Xattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** Attributes of many names. */
export interface XattrBatch {
  readonly length: number;
  /** Returns null when the call worked for name `i`, else its errno string. */
  code(i: number): string | null;
  /** Returns the attributes in the kernel's order; a shared empty array when there are none. Throws when the call failed. */
  xattrs(i: number): readonly Xattr[];
}

/**
 * Makes files that get their name when they are complete. One file at a time, of one thread. All throw the call's error.
 */
export interface NewFiles {
  /** The folder of the files to come. */
  enter(folder: Uint8Array): void;
  /** Makes an empty file in it, `permissions` less the umask; returns its descriptor, -1 where that cannot be done. */
  create(permissions: number): number;
  /** Writes all of `data` at the beginning. */
  write(fd: number, data: Uint8Array): void;
  /** Whether it has any extended attribute: of a folder's default ACL, of a security module. */
  hasXattrs(fd: number): boolean;
  /** The kernel may clear setuid and setgid: permissions after it. */
  setOwner(fd: number, uid: number, gid: number): void;
  /** Whole seconds since 1970, which may be negative, and nanoseconds that count forward from there. */
  setTimes(fd: number, atimeS: number, atimeNs: number, mtimeS: number, mtimeNs: number): void;
  setPermissions(fd: number, permissions: number): void;
  /** Gives it a name in the folder; false if the name is taken. */
  link(fd: number, name: Uint8Array): boolean;
  /** A file without a name is gone after it. Some file systems say only now that they could not write. */
  close(fd: number): void;
}

/** Seconds since 1970, rounded down, and nanoseconds on top of them. */
export interface Times {
  readonly atimeS: number;
  readonly atimeNs: number;
  readonly mtimeS: number;
  readonly mtimeNs: number;
}

/** What a new file is to become. Its folder and its name are borrowed until it is made; one array for each folder. */
export interface NewFile extends Times {
  readonly folder: Uint8Array;
  readonly name: Uint8Array;
  /** Permissions that it is made with, less the umask. */
  readonly created: number;
  /** What is to be set besides; null: it has that already. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  readonly permissions: number | null;
}

/** Makes new files with all their content, many at a time. Of one thread. */
export interface NewFileList {
  /** Whether a file may go this way at all: then there is room for it, at the latest after make(). */
  takes(file: NewFile, data: Uint8Array): boolean;
  hasRoom(file: NewFile, data: Uint8Array): boolean;
  /** Takes a file along; `data` is copied. Throws RangeError where there is no room. */
  add(file: NewFile, data: Uint8Array): void;
  /**
   * Makes what was added, and forgets it. `left` is told the number of each file, from 0 on, that is not right, with its content, which is
   * good until it returns: it is not there, or only in part what it should be, and is to be made anew by the way that can say what is wrong.
   */
  make(left: (file: number, data: Uint8Array) => void): void;
}

export interface Posix {
  /** True when the system calls are reached directly. */
  readonly native: boolean;
  /** Null where it takes native calls that there are not. */
  readonly newFiles: NewFiles | null;
  /** Null where there are no lists of calls. */
  readonly newFileList: NewFileList | null;

  /** Reads a directory whole. Not recursive. */
  readDirectory(path: Uint8Array): Directory;
  /** Stats `names` in the directory `dir`, without following links. Throws only when `dir` itself cannot be opened. */
  lstatBatch(dir: Uint8Array, names: readonly Uint8Array[]): StatBatch;
  lstat(path: Uint8Array): Stat;
  /** Follows symbolic links. */
  stat(path: Uint8Array): Stat;
  /** Of an open file. */
  fstat(fd: number): Stat;
  /** Returns the target's bytes. */
  readLink(path: Uint8Array): Uint8Array;

  /**
   * Returns name and value of each attribute in the kernel's order; none where the file system has no attributes.
   * `nofollow` (default true) reads those of a symbolic link itself.
   */
  listXattrs(path: Uint8Array, nofollow?: boolean): readonly Xattr[];
  /** As listXattrs for each of `names` in `dir`, never following links; one system call for a name without attributes. */
  listXattrsBatch(dir: Uint8Array, names: readonly Uint8Array[]): XattrBatch;
  /** Creates or replaces. */
  setXattr(path: Uint8Array, name: Uint8Array, value: Uint8Array, nofollow?: boolean): void;
  removeXattr(path: Uint8Array, name: Uint8Array, nofollow?: boolean): void;

  /** utimensat: nanoseconds since 1970. `nofollow` (default true) sets those of a symbolic link itself. */
  setTimes(path: Uint8Array, atimeNs: bigint, mtimeNs: bigint, nofollow?: boolean): void;
  /** Never follows links. The kernel may clear setuid and setgid: chmod after it. */
  lchown(path: Uint8Array, uid: number, gid: number): void;
  /** Follows links (Linux has no mode for links). `mode`: the low 12 bits. */
  chmod(path: Uint8Array, mode: number): void;
  /** `mode` with its type bits (S_IFREG, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK), subject to the umask; `dev` as in Stat.rdev. */
  mknod(path: Uint8Array, mode: number, dev: bigint): void;
  mkfifo(path: Uint8Array, mode: number): void;
  /** Makes `path` another name of `existing`, without following it when it is a symbolic link. */
  link(existing: Uint8Array, path: Uint8Array): void;
  symlink(target: Uint8Array, path: Uint8Array): void;
  /** Reserves room for `size` bytes without changing the file's length. Throws ENOTSUP where the file system cannot. */
  fallocate(fd: number, size: number): void;

  /**
   * Opens a regular file for reading without following a final symbolic link (ELOOP) and, where the owner allows it,
   * without touching its atime. Never blocks on a fifo. Close it with `fs.closeSync`.
   */
  openForRead(path: Uint8Array): number;

  /** The name in /etc/passwd, '' when there is none. Cached for 60 seconds. */
  userName(uid: number): string;
  /** The name in /etc/group, '' when there is none. Cached likewise. */
  groupName(gid: number): string;
  /** The id for a name, null when there is none. */
  userId(name: string): number | null;
  groupId(name: string): number | null;
}
