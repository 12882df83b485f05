/** What every implementation of zstd shares: the contract, its errors and guards. */

import { expectInside, type Memory, viewIn } from '../memory.ts';
import type { Platform } from '../platform.ts';

/** One way to zstd; the contracts are those of Platform. */
export interface Zstd {
  readonly name: string;
  readonly compress: Platform['zstdCompress'];
  readonly compressAt: Platform['zstdCompressAt'];
  readonly decompress: Platform['zstdDecompress'];
}

/** compressAt() by way of compress(), where C is not called by address. */
export function compressView(
  compress: Zstd['compress'],
  memory: Memory,
  at: number,
  length: number,
  level: number,
  into: Memory,
  intoAt: number,
  room: number,
): number {
  expectInside(memory, at, length);
  expectInside(into, intoAt, room);
  const frame = compress(viewIn(memory, at, length), level, viewIn(into, intoAt, room));
  return frame.length <= room ? frame.length : -1;
}

/** Throws RangeError unless `level` is one of zstd's. */
export function expectLevel(level: number): void {
  if (!Number.isInteger(level) || level < 1 || level > 22)
    throw new RangeError(`level: expected 1 to 22, got ${level}`);
}

/** Returns an error with code `ZSTD_DAMAGED` or `ZSTD_TOO_LARGE`. */
export function zstdError(code: 'ZSTD_DAMAGED' | 'ZSTD_TOO_LARGE', message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code });
}

export function tooLarge(size: number, maxSize: number): Error {
  return zstdError('ZSTD_TOO_LARGE', `zstd content: expected at most ${maxSize} bytes, got ${size}`);
}

/** Returns `content` inside `into` when it was given and is large enough, else `content` itself. */
export function placed(content: Uint8Array, into: Uint8Array | undefined): Uint8Array {
  if (into === undefined || into.length < content.length) return content;
  into.set(content);
  return into.subarray(0, content.length);
}
