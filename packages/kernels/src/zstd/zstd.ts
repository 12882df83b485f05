/** zstd: one contract, three implementations, chosen once a thread. */

import { addonZstd } from './addon-zstd.ts';
import type { Zstd } from './contract.ts';
import { libraryZstd } from './library-zstd.ts';
import { zlibZstd } from './zlib-zstd.ts';

/**
 * Returns the system's libzstd where it loads (half the time of the others on small data and when decompressing), else
 * `node:zlib` (Node 22.15 and later), else the packaged add-on. Throws when there is none at all.
 */
export function chooseZstd(native: boolean): Zstd {
  const zstd = (native ? libraryZstd() : null) ?? zlibZstd() ?? addonZstd();
  if (zstd === null) {
    throw new Error('no zstd: expected node:zlib of Node 22.15, the package @toondepauw/node-zstd, or libzstd.so.1');
  }
  return zstd;
}
