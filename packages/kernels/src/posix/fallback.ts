/**
 * Posix with Node's `fs` alone. What is lost against the native calls:
 * - extended attributes: listed as none; setting or removing one throws ENOTSUP;
 * - times to the nanosecond: they are set with a precision of about a microsecond or less (double seconds);
 * - devices, and sockets by mknod: ENOTSUP (a fifo and a plain file can be made: by mkfifo(1), by open);
 * - files without a name: none;
 * - fallocate: ENOTSUP; directory hints (`types`) come from Node and are complete;
 * - a failing lstat of one name costs an exception.
 */

import fs from 'node:fs';
import { Accounts } from './accounts.ts';
import { notSupported, systemError } from './errors.ts';
import type { Directory, Posix, Stat, StatBatch, Xattr, XattrBatch } from './posix.ts';

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFIFO = 0o010000;
const NONE: readonly Xattr[] = Object.freeze([]);
const SLASH = Buffer.from('/');
const EINVAL = 22;

export class FallbackPosix implements Posix {
  readonly native: boolean = false;
  readonly newFiles: null = null;
  readonly newFileList: null = null;
  readonly #users = new Accounts('/etc/passwd');
  readonly #groups = new Accounts('/etc/group');

  readDirectory(path: Uint8Array): Directory {
    const entries = fs.readdirSync(asPath(path), {
      encoding: 'buffer',
      withFileTypes: true,
    }) as unknown as BufferDirent[];
    entries.sort((a, b) => Buffer.compare(a.name, b.name));
    return { names: entries.map(({ name }) => name), types: Uint8Array.from(entries, directoryType) };
  }

  lstatBatch(dir: Uint8Array, names: readonly Uint8Array[]): StatBatch {
    const stats = names.map((name) => attempt(() => this.lstat(join(dir, name))));
    if (stats.some((stat) => stat instanceof Error)) this.stat(dir);
    return {
      length: names.length,
      code: (i) => errorCode(stats[i]!),
      stat: (i) => unwrap(stats[i]!),
    };
  }

  lstat(path: Uint8Array): Stat {
    return fromNode(fs.lstatSync(asPath(path), { bigint: true }));
  }

  stat(path: Uint8Array): Stat {
    return fromNode(fs.statSync(asPath(path), { bigint: true }));
  }

  fstat(fd: number): Stat {
    return fromNode(fs.fstatSync(fd, { bigint: true }));
  }

  readLink(path: Uint8Array): Uint8Array {
    return fs.readlinkSync(asPath(path), { encoding: 'buffer' });
  }

  listXattrs(_path: Uint8Array): readonly Xattr[] {
    return NONE;
  }

  listXattrsBatch(_dir: Uint8Array, names: readonly Uint8Array[]): XattrBatch {
    return { length: names.length, code: () => null, xattrs: () => NONE };
  }

  setXattr(path: Uint8Array): void {
    throw notSupported('lsetxattr', path);
  }

  removeXattr(path: Uint8Array): void {
    throw notSupported('lremovexattr', path);
  }

  setTimes(path: Uint8Array, atimeNs: bigint, mtimeNs: bigint, nofollow = true): void {
    const set = nofollow ? fs.lutimesSync : fs.utimesSync;
    set(asPath(path), seconds(atimeNs), seconds(mtimeNs));
  }

  lchown(path: Uint8Array, uid: number, gid: number): void {
    fs.lchownSync(asPath(path), uid, gid);
  }

  chmod(path: Uint8Array, mode: number): void {
    fs.chmodSync(asPath(path), mode);
  }

  mknod(path: Uint8Array, mode: number, _dev: bigint): void {
    if ((mode & S_IFMT) === S_IFIFO) this.mkfifo(path, mode & 0o7777);
    else if ((mode & S_IFMT) === S_IFREG) fs.closeSync(fs.openSync(asPath(path), 'wx', mode & 0o7777));
    else throw notSupported('mknod', path);
  }

  mkfifo(path: Uint8Array, _mode: number): void {
    throw notSupported('mkfifo', path);
  }

  link(existing: Uint8Array, path: Uint8Array): void {
    fs.linkSync(asPath(existing), asPath(path));
  }

  symlink(target: Uint8Array, path: Uint8Array): void {
    fs.symlinkSync(asPath(target), asPath(path));
  }

  fallocate(_fd: number, _size: number): void {
    throw notSupported('fallocate');
  }

  openForRead(path: Uint8Array): number {
    return openForRead(path);
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
}

type BufferDirent = fs.Dirent & { readonly name: Buffer };

/** O_NOATIME is allowed to the owner and root only (open(2)): EPERM means try without. Shared with the native side. */
export function openForRead(path: Uint8Array): number {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOATIME } = fs.constants;
  const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
  if (O_NOATIME === undefined) return fs.openSync(asPath(path), flags);
  try {
    return fs.openSync(asPath(path), flags | O_NOATIME);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    return fs.openSync(asPath(path), flags);
  }
}

/** Returns `path` as Node takes byte paths. Throws EINVAL for a NUL inside: the kernel would see another path. */
export function asPath(path: Uint8Array): Buffer {
  if (path.includes(0)) throw systemError(EINVAL, 'path', path);
  return Buffer.from(path.buffer, path.byteOffset, path.length);
}

function join(dir: Uint8Array, name: Uint8Array): Buffer {
  return Buffer.concat([dir, SLASH, name]);
}

function directoryType(entry: fs.Dirent): number {
  if (entry.isFile()) return 8;
  if (entry.isDirectory()) return 4;
  if (entry.isSymbolicLink()) return 10;
  if (entry.isFIFO()) return 1;
  if (entry.isSocket()) return 12;
  if (entry.isCharacterDevice()) return 2;
  return entry.isBlockDevice() ? 6 : 0;
}

function fromNode(stat: fs.BigIntStats): Stat {
  const { nlink, ino, dev, rdev, size, blocks, atimeNs, mtimeNs, ctimeNs } = stat;
  const [mode, uid, gid] = [Number(stat.mode), Number(stat.uid), Number(stat.gid)];
  return { mode, uid, gid, nlink, ino, dev, rdev, size, blocks, atimeNs, mtimeNs, ctimeNs };
}

/** A string: Node takes a negative number to mean now. */
function seconds(ns: bigint): string {
  return String(Number(ns) / 1e9);
}

function attempt<T>(action: () => T): T | Error {
  try {
    return action();
  } catch (error) {
    return error as Error;
  }
}

function errorCode(result: unknown): string | null {
  return result instanceof Error ? ((result as NodeJS.ErrnoException).code ?? result.message) : null;
}

function unwrap<T>(result: T | Error): T {
  if (result instanceof Error) throw result;
  return result;
}
