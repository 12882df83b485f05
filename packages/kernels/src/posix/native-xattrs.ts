/** Extended attributes (xattr(7)) through the C library. */

import { PathArgument } from './arguments.ts';
import { errnoName, systemError } from './errors.ts';
import type { Libc, StableMemory } from './libc.ts';
import type { Xattr, XattrBatch } from './posix.ts';

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of Linux: with room for the largest there is no asking for sizes first. */
const LIST_MAX = 65_536;
const VALUE_MAX = 65_536;
const ENODATA = 61;
const ENOTSUP = 95;
const E2BIG = 7;

const NONE: readonly Xattr[] = Object.freeze([]);

export class NativeXattrs {
  readonly #libc: Libc;
  readonly #path: PathArgument;
  readonly #name: PathArgument;
  readonly #list: StableMemory;
  readonly #value: StableMemory;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#path = new PathArgument(libc);
    this.#name = new PathArgument(libc);
    this.#list = libc.stableMemory(LIST_MAX);
    this.#value = libc.stableMemory(VALUE_MAX);
  }

  list(path: Uint8Array, nofollow: boolean): readonly Xattr[] {
    this.#path.set(path, 'listxattr');
    const result = this.#listAt(this.#path.address, nofollow);
    if (typeof result === 'number') throw systemError(result, 'listxattr', path);
    return result;
  }

  listBatch(dir: Uint8Array, names: readonly Uint8Array[]): XattrBatch {
    this.#path.setDirectory(dir, 'llistxattr');
    // Most files have none: only the others take memory.
    const found = new Map<number, readonly Xattr[] | number>();
    for (let i = 0; i < names.length; i++) {
      const errno = this.#path.setName(names[i]!);
      const result = errno === 0 ? this.#listAt(this.#path.address, true) : errno;
      if (result !== NONE) found.set(i, result);
    }
    return new FoundXattrs(found, names);
  }

  /**
   * Lists the attributes of the path whose bytes, with a NUL after them, lie at an address. Returns a positive errno when
   * that fails, and one shared empty array where there are none. Never follows a link.
   */
  listAt(address: number): readonly Xattr[] | number {
    return this.#listAt(address, true);
  }

  set(path: Uint8Array, name: Uint8Array, value: Uint8Array, nofollow: boolean): void {
    const call = nofollow ? 'lsetxattr' : 'setxattr';
    const at = this.#path.set(path, call);
    if (value.length > VALUE_MAX) throw systemError(E2BIG, call, path);
    this.#value.bytes.set(value);
    const named = this.#name.set(name, call);
    if (this.#libc[call](at, named, this.#value.address, value.length, 0) < 0) throw this.#error(call, path);
  }

  remove(path: Uint8Array, name: Uint8Array, nofollow: boolean): void {
    const call = nofollow ? 'lremovexattr' : 'removexattr';
    if (this.#libc[call](this.#path.set(path, call), this.#name.set(name, call)) < 0) throw this.#error(call, path);
  }

  /** Lists the path at an address; a positive errno when that fails. A file system without attributes has none. */
  #listAt(path: number, nofollow: boolean): readonly Xattr[] | number {
    const list = nofollow ? this.#libc.llistxattr : this.#libc.listxattr;
    const length = list(path, this.#list.address, LIST_MAX);
    if (length === 0) return NONE;
    if (length < 0) {
      const errno = this.#libc.errno();
      return errno === ENOTSUP ? NONE : errno;
    }
    return this.#valuesOf(path, this.#list.bytes.subarray(0, length), nofollow);
  }

  /** `list`: names, each with its NUL. */
  #valuesOf(path: number, list: Buffer, nofollow: boolean): readonly Xattr[] | number {
    const get = nofollow ? this.#libc.lgetxattr : this.#libc.getxattr;
    const found: Xattr[] = [];
    for (let at = 0; at < list.length; ) {
      const end = list.indexOf(0, at);
      const size = get(path, this.#list.address + at, this.#value.address, VALUE_MAX);
      if (size >= 0) {
        const value = new Uint8Array(this.#value.bytes.subarray(0, size));
        found.push({ name: new Uint8Array(list.subarray(at, end)), value });
      } else {
        const errno = this.#libc.errno();
        if (errno !== ENODATA) return errno; // ENODATA: removed since it was listed.
      }
      at = end + 1;
    }
    return found.length === 0 ? NONE : found;
  }

  #error(call: string, path: Uint8Array): Error {
    return systemError(this.#libc.errno(), call, path);
  }
}

class FoundXattrs implements XattrBatch {
  readonly #found: ReadonlyMap<number, readonly Xattr[] | number>;
  readonly #names: readonly Uint8Array[];

  constructor(found: ReadonlyMap<number, readonly Xattr[] | number>, names: readonly Uint8Array[]) {
    this.#found = found;
    this.#names = names;
  }

  get length(): number {
    return this.#names.length;
  }

  code(i: number): string | null {
    const found = this.#found.get(i);
    return typeof found === 'number' ? errnoName(found) : null;
  }

  xattrs(i: number): readonly Xattr[] {
    const found = this.#found.get(i);
    if (typeof found === 'number') throw systemError(found, 'llistxattr', this.#names[i]);
    return found ?? NONE;
  }
}
