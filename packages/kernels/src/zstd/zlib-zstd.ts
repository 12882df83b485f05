/** zstd from `node:zlib`: Node 22.15, 23.8 and later. */

import zlib from 'node:zlib';
import { compressView, expectLevel, placed, tooLarge, type Zstd, zstdError } from './contract.ts';
import { frames, mostContent } from './frames.ts';

interface ZstdOptions {
  readonly params?: Readonly<Record<number, number>>;
  readonly maxOutputLength?: number;
}

/** What newer Nodes add; the types are those of Node 20. */
interface ZlibWithZstd {
  readonly zstdCompressSync?: (data: Uint8Array, options: ZstdOptions) => Uint8Array;
  readonly zstdDecompressSync?: (data: Uint8Array, options: ZstdOptions) => Uint8Array;
  readonly constants: { readonly ZSTD_c_compressionLevel?: number };
}

/** Returns null where `node:zlib` has no zstd. */
export function zlibZstd(): Zstd | null {
  const { zstdCompressSync, zstdDecompressSync, constants } = zlib as unknown as ZlibWithZstd;
  const levelParameter = constants.ZSTD_c_compressionLevel;
  if (!zstdCompressSync || !zstdDecompressSync || levelParameter === undefined) return null;
  const compress: Zstd['compress'] = (data, level, into) => {
    expectLevel(level);
    return placed(zstdCompressSync(data, { params: { [levelParameter]: level } }), into);
  };
  return {
    name: 'node:zlib',
    compress,
    compressAt: (...range) => compressView(compress, ...range),
    decompress(data, maxSize, into) {
      // Frame by frame: a truncated or trailing frame is found by the walk, whatever Node makes of it.
      const parts: Uint8Array[] = [];
      let size = 0;
      for (const frame of frames(data)) {
        if (mostContent([frame]) === 0) continue;
        const content = decode(zstdDecompressSync, data.subarray(frame.start, frame.end), maxSize, maxSize - size);
        size += content.length;
        parts.push(content);
      }
      return placed(parts.length === 1 ? parts[0]! : Buffer.concat(parts, size), into);
    },
  };
}

function decode(
  decompress: NonNullable<ZlibWithZstd['zstdDecompressSync']>,
  frame: Uint8Array,
  maxSize: number,
  room: number,
): Uint8Array {
  let content: Uint8Array;
  try {
    // Zero is no valid limit: one byte too many is caught below.
    content = decompress(frame, { maxOutputLength: Math.max(1, room) });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxSize + 1, maxSize);
    throw zstdError('ZSTD_DAMAGED', 'zstd data is damaged', cause);
  }
  if (content.length > room) throw tooLarge(maxSize + 1, maxSize);
  return content;
}
