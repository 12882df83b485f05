/** The Platform of Node: native kernels where they load, `node:crypto` and plain TypeScript elsewhere, same bytes. */

import { randomBytes } from 'node:crypto';
import { chooseSha256 } from './crypto/choose-sha256.ts';
import { type Libcrypto, libcrypto } from './crypto/libcrypto.ts';
import { NativeSealer } from './crypto/native-sealer.ts';
import { PortableSealer } from './crypto/portable-sealer.ts';
import { agrees, PROBE, PROBE_KEY } from './crypto/proof.ts';
import { deriveKey, opensslKey } from './crypto/scrypt.ts';
import type { Sealer, SealingKey } from './crypto/sealer.ts';
import { memoryOf } from './memory.ts';
import type { Platform } from './platform.ts';
import { chooseZstd } from './zstd/zstd.ts';

export interface NodePlatformOptions {
  /** `false` keeps to `node:crypto`, plain TypeScript and the packaged zstd. Default: the fastest that loads. */
  readonly native?: boolean;
}

/**
 * Returns the platform of this thread; make one in each worker. A primitive whose native form does not load, or does
 * not give the answers it must, silently takes its fallback: `name` says which is in use.
 */
export function nodePlatform(options: NodePlatformOptions = {}): Platform {
  const native = options.native !== false;
  const library = native ? libcrypto() : null;
  const newSealer = nativeSealers(library);
  const hashing = chooseSha256(library);
  const zstd = chooseZstd(native);
  return {
    ...hashing,
    name: `node (sha256: ${hashing.name}, sealing: ${newSealer === null ? 'node:crypto' : 'libcrypto'}, zstd: ${zstd.name})`,
    memory: memoryOf,
    randomBytes: (n) => randomBytes(n),
    sealer: newSealer ?? ((key) => new PortableSealer(key)),
    opener: newSealer ?? (() => null),
    zstdCompress: (data, level, into) => zstd.compress(data, level, into),
    zstdCompressAt: (memory, at, length, level, into, intoAt, room) =>
      zstd.compressAt(memory, at, length, level, into, intoAt, room),
    zstdDecompress: (data, maxSize, into) => zstd.decompress(data, maxSize, into),
    scrypt: native ? deriveKey : opensslKey,
  };
}

function nativeSealers(library: Libcrypto | null): ((key: SealingKey) => NativeSealer) | null {
  if (library === null || library.cipher === null || library.mac === null) return null;
  const { cipher, mac } = library;
  const make = (key: SealingKey) => new NativeSealer(library, cipher, mac, key);
  const probe = (sealer: Sealer) => {
    const out = new Uint8Array(PROBE.length + 32);
    sealer.seal(PROBE, out, PROBE.subarray(0, 16));
    return out;
  };
  const good =
    agrees(() => probe(make(PROBE_KEY)), probe(new PortableSealer(PROBE_KEY))) &&
    agrees(() => throughMemory(make(PROBE_KEY)), PROBE);
  return good ? make : null;
}

/** Returns what the portable sealer opens of what `sealer` sealed by address. */
function throughMemory(sealer: Sealer): Uint8Array {
  const sealed = new Uint8Array(PROBE.length + 32);
  sealer.sealAt(memoryOf(PROBE), 0, PROBE.length, memoryOf(sealed), 0);
  const opened = new Uint8Array(PROBE.length);
  return new PortableSealer(PROBE_KEY).open(sealed, opened) ? opened : sealed;
}
