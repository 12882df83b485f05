/**
 * The platform: the hash, cipher, compressor and key derivation that a runtime-neutral caller is given.
 * `nodePlatform` makes one for Node; a browser would bring its own.
 * Every implementation gives the same bytes (zstd output may differ, what it decompresses to may not).
 */

import type { Opener, Sealer, SealingKey } from './crypto/sealer.ts';
import type { Memory } from './memory.ts';

/** A SHA-256 in progress. */
export interface Sha256 {
  /** Hashes `data`, which is free again on return. */
  update(data: Uint8Array): void;
  /** The same for `length` bytes from `at` on. Throws RangeError outside the memory. */
  updateAt(memory: Memory, at: number, length: number): void;
  /** Returns the 32 bytes of the hash, owned by the caller, and starts anew. */
  digest(): Uint8Array;
  /**
   * Adds as much of a range as makes whole blocks of the hash by a call that someone else makes: nothing may come to the hash before.
   * Absent, or null, where that cannot be, or where there is nothing to add.
   */
  updateLater?(memory: Memory, at: number, length: number): LaterUpdate | null;
}

/** A call of C: target(...arguments). */
export interface LaterUpdate {
  readonly target: number;
  readonly arguments: readonly number[];
  /** Bytes of the range that are added with it. */
  readonly length: number;
}

/** A range that goes into a hash. */
export interface HashPart<Hash = Sha256> {
  readonly hash: Hash;
  readonly memory: Memory;
  readonly at: number;
  readonly length: number;
}

/** What a runtime gives to the repository. All but `scrypt` is synchronous; one Platform serves one thread. */
export interface Platform {
  /** Says what is inside, for diagnostics: for instance `node (libcrypto, zstd: libzstd)`. */
  readonly name: string;
  /** Returns `bytes`, which never move, with their address. Costs about a microsecond: for memory that serves many calls. */
  memory(bytes: Uint8Array): Memory;
  /** Returns the 32 bytes of the SHA-256 of `data`, owned by the caller. */
  sha256(data: Uint8Array): Uint8Array;
  /** The same of `length` bytes from `at` on, for hot loops: the result is good until the next call of sha256At or sha256. */
  sha256At(memory: Memory, at: number, length: number): Uint8Array;
  sha256Stream(): Sha256;
  /**
   * The same as an `updateAt` of each of two hashes of this platform, which are not one. Where the processor can, they go in
   * lockstep as far as the shorter range reaches, a quarter cheaper than apart; it pays from about 2 KiB on.
   */
  sha256Both(
    first: Sha256,
    firstMemory: Memory,
    firstAt: number,
    firstLength: number,
    second: Sha256,
    secondMemory: Memory,
    secondAt: number,
    secondLength: number,
  ): void;
  /**
   * The same as an `updateAt` for each part, no two of them of one hash. Where the processor can, up to sixteen go abreast as far as
   * enough of them reach, for half the cost of two in lockstep.
   */
  sha256Together(parts: readonly HashPart[]): void;
  /** Returns `n` cryptographically strong random bytes. */
  randomBytes(n: number): Uint8Array;
  /** Returns a sealer for `key`, whose bytes are copied. Throws RangeError for wrong lengths or an all-zero part. */
  sealer(key: SealingKey): Sealer;
  /** Returns an opener for `key` as sealer() does, or null where messages can only be opened whole. */
  opener(key: SealingKey): Opener | null;
  /**
   * Returns one zstd frame. `level` is 1 to 22; 3 is zstd's default. Empty data is allowed.
   * With `into`, a buffer of the caller's, the frame is a view at its start when it fits, else new memory; fastest when
   * `into` has 1 % and 1 KiB more than `data`.
   */
  zstdCompress(data: Uint8Array, level: number, into?: Uint8Array): Uint8Array;
  /**
   * Writes one zstd frame of `length` bytes from `at` on to `into` at `intoAt` and returns its length, or -1 if it does not
   * fit `room` bytes there (1 % and 1 KiB more than the data always do). The two ranges must not overlap.
   */
  zstdCompressAt(
    memory: Memory,
    at: number,
    length: number,
    level: number,
    into: Memory,
    intoAt: number,
    room: number,
  ): number;
  /**
   * Returns the content of all zstd frames in `data`; in `into` as for zstdCompress.
   * Throws an Error with code `ZSTD_DAMAGED` for damage and `ZSTD_TOO_LARGE` for content above `maxSize` bytes.
   */
  zstdDecompress(data: Uint8Array, maxSize: number, into?: Uint8Array): Uint8Array;
  /** Derives `length` bytes; password and salt are borrowed until then. Memory is bounded by what n, r and p need (128 * n * r bytes). */
  scrypt(password: Uint8Array, salt: Uint8Array, n: number, r: number, p: number, length: number): Promise<Uint8Array>;
}
