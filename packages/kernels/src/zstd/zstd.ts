/** zstd: chooses an implementation once a thread. */

import { addonZstd } from './addon-zstd.ts';

/** One way to zstd; the contracts are those of Platform. */
export interface Zstd {
  readonly name: string;
  compress(data: Uint8Array, level: number): Uint8Array;
  decompress(data: Uint8Array, maxSize: number): Uint8Array;
}

export function chooseZstd(_native: boolean): Zstd {
  return addonZstd();
}

/** Returns an error with code `ZSTD_DAMAGED` or `ZSTD_TOO_LARGE`. */
export function zstdError(code: 'ZSTD_DAMAGED' | 'ZSTD_TOO_LARGE', message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code });
}
