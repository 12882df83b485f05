/** The Platform of Node: native kernels where they load, `node:crypto` and plain TypeScript elsewhere, same bytes. */

import { randomBytes } from 'node:crypto';
import { PortableSealer } from './crypto/portable-sealer.ts';
import { PortableSha256, portableSha256 } from './crypto/portable-sha256.ts';
import { deriveKey } from './crypto/scrypt.ts';
import type { Platform } from './platform.ts';
import { chooseZstd } from './zstd/zstd.ts';

export interface NodePlatformOptions {
  /** `false` keeps to `node:crypto`, plain TypeScript and the packaged zstd. Default: the fastest that loads. */
  readonly native?: boolean;
}

/** Returns the platform of this thread; make one in each worker. */
export function nodePlatform(options: NodePlatformOptions = {}): Platform {
  const zstd = chooseZstd(options.native !== false);
  return {
    name: `node (zstd: ${zstd.name})`,
    sha256: portableSha256,
    sha256Stream: () => new PortableSha256(),
    randomBytes: (n) => randomBytes(n),
    sealer: (key) => new PortableSealer(key),
    zstdCompress: (data, level) => zstd.compress(data, level),
    zstdDecompress: (data, maxSize) => zstd.decompress(data, maxSize),
    scrypt: deriveKey,
  };
}
