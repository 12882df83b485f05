/**
 * struct statx (statx(2)): one layout on every architecture. Views read fields in place; nothing is decoded ahead.
 */

import { errnoName } from './errors.ts';
import { STATX_WORDS } from './identity.ts';
import type { Libc, StableMemory } from './libc.ts';
import type { Stat, StatBatch } from './posix.ts';

/** What the kernel writes. */
export const STATX_BYTES = 256;
/** All fields that we read lie below this; in a batch each result overwrites the unused tail of the one before. */
const STRIDE = 144;
/** STATX_BASIC_STATS */
export const STATX_MASK = 0x7ff;
/** AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT: what lstat(2) does. */
export const LSTAT_FLAGS: number = 0x100 | 0x800;

const MASK = 0;
/** Where a batch keeps the errno of a failed call: stx_blksize, which we do not read. */
const ERRNO = 4;
const NLINK = 16;
const UID = 20;
const GID = 24;
const MODE = 28;
const INO = 32;
const SIZE = 40;
const BLOCKS = 48;
const ATIME = 64;
const CTIME = 96;
const MTIME = 112;
const RDEV = 128;
const DEV = 136;

// The kernel writes its own byte order; every platform that Node and koffi share is little-endian.
const LITTLE = true;
const NS_PER_S = 1_000_000_000n;

export class StatxView implements Stat {
  readonly #view: DataView;
  readonly #at: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  get mode(): number {
    return this.#view.getUint16(this.#at + MODE, LITTLE);
  }
  get uid(): number {
    return this.#view.getUint32(this.#at + UID, LITTLE);
  }
  get gid(): number {
    return this.#view.getUint32(this.#at + GID, LITTLE);
  }
  get nlink(): bigint {
    return BigInt(this.#view.getUint32(this.#at + NLINK, LITTLE));
  }
  get ino(): bigint {
    return this.#view.getBigUint64(this.#at + INO, LITTLE);
  }
  get dev(): bigint {
    return this.#device(DEV);
  }
  get rdev(): bigint {
    return this.#device(RDEV);
  }
  get size(): bigint {
    return this.#view.getBigUint64(this.#at + SIZE, LITTLE);
  }
  get blocks(): bigint {
    return this.#view.getBigUint64(this.#at + BLOCKS, LITTLE);
  }
  get atimeNs(): bigint {
    return this.#time(ATIME);
  }
  get mtimeNs(): bigint {
    return this.#time(MTIME);
  }
  get ctimeNs(): bigint {
    return this.#time(CTIME);
  }

  /** See identity.ts. */
  identity(into: Int32Array, at: number): void {
    for (let i = 0; i < STATX_WORDS.length; i++) {
      into[at + i] = this.#view.getInt32(this.#at + STATX_WORDS[i]! * 4, LITTLE);
    }
  }

  /** struct statx_timestamp: signed seconds, then nanoseconds that always count forward. */
  #time(field: number): bigint {
    const seconds = this.#view.getBigInt64(this.#at + field, LITTLE);
    return seconds * NS_PER_S + BigInt(this.#view.getUint32(this.#at + field + 8, LITTLE));
  }

  /** makedev(3) of major and minor. */
  #device(field: number): bigint {
    const major = this.#view.getUint32(this.#at + field, LITTLE);
    const minor = this.#view.getUint32(this.#at + field + 4, LITTLE);
    if (major <= 0xfff && minor <= 0xff) return BigInt((major << 8) | minor);
    const [a, b] = [BigInt(major), BigInt(minor)];
    return ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffffff00n) << 12n) | (b & 0xffn);
  }
}

/** Hands out stretches of a shared slab, so that a directory of few names does not cost an allocation of its own. */
export class StatSlabs {
  readonly #libc: Libc;
  #slab: StableMemory;
  #view: DataView;
  #used = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#slab = libc.stableMemory(SLAB_BYTES);
    this.#view = viewOf(this.#slab);
  }

  /** Fills a batch of `count` by calling `statInto(i, address)`, which returns 0 or a positive errno. */
  fill(
    count: number,
    statInto: (i: number, address: number) => number,
    fail: (i: number, errno: number) => Error,
  ): StatBatch {
    const needed = count * STRIDE + STATX_BYTES - STRIDE;
    if (this.#slab.bytes.length - this.#used < needed) {
      this.#slab = this.#libc.stableMemory(Math.max(SLAB_BYTES, needed));
      this.#view = viewOf(this.#slab);
      this.#used = 0;
    }
    const view = this.#view;
    const base = this.#used;
    const { address } = this.#slab;
    this.#used += count * STRIDE;
    for (let i = 0; i < count; i++) {
      const at = base + i * STRIDE;
      const errno = statInto(i, address + at);
      if (errno === 0) continue;
      view.setUint32(at + MASK, 0, LITTLE);
      view.setUint32(at + ERRNO, errno, LITTLE);
    }
    return new SlabBatch(view, base, count, fail);
  }
}

const SLAB_BYTES = 65_536;

class SlabBatch implements StatBatch {
  readonly length: number;
  readonly #view: DataView;
  readonly #base: number;
  readonly #fail: (i: number, errno: number) => Error;

  constructor(view: DataView, base: number, length: number, fail: (i: number, errno: number) => Error) {
    this.#view = view;
    this.#base = base;
    this.length = length;
    this.#fail = fail;
  }

  code(i: number): string | null {
    const errno = this.#errno(i);
    return errno === 0 ? null : errnoName(errno);
  }

  stat(i: number): Stat {
    const errno = this.#errno(i);
    if (errno !== 0) throw this.#fail(i, errno);
    return new StatxView(this.#view, this.#base + i * STRIDE);
  }

  #errno(i: number): number {
    if (!(i >= 0 && i < this.length)) throw new RangeError(`i: expected 0 to ${this.length - 1}, got ${i}`);
    const at = this.#base + i * STRIDE;
    // A call that worked always says what it filled in.
    return this.#view.getUint32(at + MASK, LITTLE) === 0 ? this.#view.getUint32(at + ERRNO, LITTLE) : 0;
  }
}

export function viewOf({ bytes }: StableMemory): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Returns a stat of its own memory, copied from the first bytes of `source`. */
export function copyStat(source: Buffer): Stat {
  const copy = new Uint8Array(STRIDE);
  copy.set(source.subarray(0, STRIDE));
  return new StatxView(new DataView(copy.buffer), 0);
}
