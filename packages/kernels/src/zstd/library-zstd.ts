/**
 * zstd through the system's libzstd.so.1, which package managers and systemd bring to practically every Linux host.
 * Contexts are used again, output goes straight to its place, and decompression is bounded by its buffer.
 */

import type { LibraryHandle } from 'koffi';
import { functionAddress } from '../machine/function-address.ts';
import { expectInside, type Memory } from '../memory.ts';
import { koffiModule } from '../optional-module.ts';
import { expectLevel, tooLarge, type Zstd, zstdError } from './contract.ts';
import { declaredContent, frames, mostContent } from './frames.ts';

/** 1.4.0: the first with the whole stable interface and no known decoder faults that matter here. */
const OLDEST_VERSION = 10_400;

/** Errors come as size_t close to 2^64, which koffi hands over as bigint; sizes are numbers. */
interface LibZstd {
  compressBound(size: number): number;
  compress(
    context: number,
    to: Uint8Array,
    capacity: number,
    from: Uint8Array,
    size: number,
    level: number,
  ): number | bigint;
  /** The same by addresses; errors are negative. */
  compressAt(context: number, to: number, capacity: number, from: number, size: number, level: number): number;
  decompress(context: number, to: Uint8Array, capacity: number, from: Uint8Array, size: number): number | bigint;
  errorName(result: bigint): string;
}

/** What ZSTD_getErrorName says of output that does not fit. */
const TOO_SMALL = 'Destination buffer is too small';
const EMPTY: Uint8Array = new Uint8Array(0);

/** What lists of calls need to compress. */
export interface ZstdForLists {
  /** The address of ZSTD_compressCCtx(). */
  readonly compress: number;
  /** The context of this thread: for one call at a time, of a list or not. */
  readonly context: number;
}

let loaded: LibraryZstd | null | undefined;

/** Returns null where koffi or the library is missing or older than 1.4.0. */
export function libraryZstd(): LibraryZstd | null {
  if (loaded === undefined) {
    try {
      loaded = load();
    } catch {
      loaded = null;
    }
  }
  return loaded;
}

/** Returns null as libraryZstd() does. */
export function zstdForLists(): ZstdForLists | null {
  return libraryZstd()?.forLists ?? null;
}

function openLibrary(): LibraryHandle | null {
  const ffi = koffiModule();
  if (ffi === null || process.platform !== 'linux') return null;
  const library = ffi.load('libzstd.so.1');
  return library.func('uint ZSTD_versionNumber()')() < OLDEST_VERSION ? null : library;
}

function load(): LibraryZstd | null {
  const library = openLibrary();
  if (library === null) return null;
  const calls: LibZstd = {
    compressBound: library.func('size_t ZSTD_compressBound(size_t size)'),
    compress: library.func(
      'size_t ZSTD_compressCCtx(uintptr_t context, void *to, size_t capacity, void *from, size_t size, int level)',
    ),
    compressAt: library.func(
      'int64_t ZSTD_compressCCtx(uintptr_t context, uintptr_t to, size_t capacity, uintptr_t from, size_t size, int level)',
    ),
    decompress: library.func(
      'size_t ZSTD_decompressDCtx(uintptr_t context, void *to, size_t capacity, void *from, size_t size)',
    ),
    errorName: library.func('const char *ZSTD_getErrorName(size_t result)'),
  };
  // One of each a thread, for its life.
  const compressor: number = library.func('uintptr_t ZSTD_createCCtx()')();
  const decompressor: number = library.func('uintptr_t ZSTD_createDCtx()')();
  if (compressor === 0 || decompressor === 0) return null;
  const compress = functionAddress('ZSTD_compressCCtx', library);
  return new LibraryZstd(calls, compressor, decompressor, { compress, context: compressor });
}

class LibraryZstd implements Zstd {
  readonly name = 'libzstd';
  readonly forLists: ZstdForLists;
  readonly #calls: LibZstd;
  readonly #compressor: number;
  readonly #decompressor: number;
  #scratch: Uint8Array = new Uint8Array(1 << 16);

  constructor(calls: LibZstd, compressor: number, decompressor: number, forLists: ZstdForLists) {
    this.forLists = forLists;
    this.#calls = calls;
    this.#compressor = compressor;
    this.#decompressor = decompressor;
  }

  compress(data: Uint8Array, level: number, into?: Uint8Array): Uint8Array {
    expectLevel(level);
    const bound = this.#calls.compressBound(data.length);
    const direct = into !== undefined && into.length >= bound;
    if (!direct && this.#scratch.length < bound) this.#scratch = new Uint8Array(bound);
    const target = direct ? into : this.#scratch;
    const size = this.#calls.compress(this.#compressor, target, target.length, data, data.length, level);
    if (typeof size !== 'number') throw new Error(`libzstd: ${this.#calls.errorName(size)}`);
    if (direct) return into.subarray(0, size);
    return into !== undefined && into.length >= size ? copy(target, into, size) : target.slice(0, size);
  }

  compressAt(
    memory: Memory,
    at: number,
    length: number,
    level: number,
    into: Memory,
    intoAt: number,
    room: number,
  ): number {
    expectLevel(level);
    expectInside(memory, at, length);
    expectInside(into, intoAt, room);
    const from = memory.address + at;
    const size = this.#calls.compressAt(this.#compressor, into.address + intoAt, room, from, length, level);
    if (size >= 0) return size;
    const name = this.#calls.errorName(BigInt.asUintN(64, BigInt(size)));
    if (name.startsWith(TOO_SMALL)) return -1;
    throw new Error(`libzstd: ${name}`);
  }

  decompress(data: Uint8Array, maxSize: number, into?: Uint8Array): Uint8Array {
    const list = frames(data);
    const declared = declaredContent(list);
    if (declared > maxSize) throw tooLarge(declared, maxSize);
    const room = Math.min(mostContent(list), maxSize);
    if (room === 0) return EMPTY;
    const direct = into !== undefined && into.length >= room;
    const target = direct ? into.subarray(0, room) : new Uint8Array(room);
    const size = this.#calls.decompress(this.#decompressor, target, room, data, data.length);
    if (typeof size !== 'number') throw this.#decodeError(size, room, maxSize);
    return target.subarray(0, size);
  }

  #decodeError(result: bigint, room: number, maxSize: number): Error {
    const name = this.#calls.errorName(result);
    // Only content without a declared size can outgrow a room that was cut down to maxSize.
    if (room === maxSize && name.startsWith(TOO_SMALL)) return tooLarge(room + 1, maxSize);
    return zstdError('ZSTD_DAMAGED', `zstd data is damaged: ${name}`);
  }
}

function copy(from: Uint8Array, to: Uint8Array, size: number): Uint8Array {
  to.set(from.subarray(0, size));
  return to.subarray(0, size);
}
