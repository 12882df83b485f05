/**
 * The plaintext of index, snapshot and lock files, between JSON and sealing: raw JSON in version 1; in version 2 a byte 2
 * and a zstd frame, though plain JSON is legal too. Format: restic `internal/repository/repository.go`, SaveUnpacked.
 */
import { type Platform, SEAL_OVERHEAD, type Sealer } from '@hostark/kernels';
import type { FormatVersion } from './config.ts';

/** Marks a compressed body. */
const ZSTD_MARK = 2;
/** zstd's default level: index files compress to a third at 2 ns a byte. */
const LEVEL = 3;
/** No index, snapshot or lock is larger than this when opened: a guard against compressed bombs. */
const MAX_PLAIN_BYTES: number = 2 ** 30;

/** Returns what to seal for a small object. In version 1 that is `plain` itself. */
export function packUnpacked(platform: Platform, version: FormatVersion, plain: Uint8Array): Uint8Array {
  if (version === 1) return plain;
  const compressed = platform.zstdCompress(plain, LEVEL);
  const body = new Uint8Array(compressed.length + 1);
  body[0] = ZSTD_MARK;
  body.set(compressed, 1);
  return body;
}

/** Returns the JSON of an opened small object. Throws SyntaxError for an unknown encoding, the platform's error for bad zstd. */
export function unpackUnpacked(platform: Platform, version: FormatVersion, body: Uint8Array): Uint8Array {
  const mark = body[0];
  if (version === 1 || mark === undefined || mark === 0x7b || mark === 0x5b) return body;
  if (mark !== ZSTD_MARK) throw new SyntaxError(`expected JSON or zstd, got a first byte of ${mark}`);
  return platform.zstdDecompress(body.subarray(1), MAX_PLAIN_BYTES);
}

/** Returns IV, ciphertext and MAC of `plain` in fresh memory. */
export function sealBytes(sealer: Sealer, plain: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(plain.length + SEAL_OVERHEAD);
  sealer.seal(plain, sealed);
  return sealed;
}

/** Returns the plaintext in fresh memory, or null when the MAC is wrong or there are fewer bytes than sealing adds. */
export function openBytes(sealer: Sealer, sealed: Uint8Array): Uint8Array | null {
  if (sealed.length < SEAL_OVERHEAD) return null;
  const plain = new Uint8Array(sealed.length - SEAL_OVERHEAD);
  return sealer.open(sealed, plain) ? plain : null;
}
