/**
 * The plaintext of index, snapshot and lock files, between JSON and sealing: raw JSON in version 1; in version 2 a byte 2
 * and a zstd frame, though plain JSON is legal too. Format: restic `internal/repository/repository.go`, SaveUnpacked.
 */
import { type Platform, SEAL_OVERHEAD, type Sealer } from '@hostark/kernels';
import type { FormatVersion } from './config.ts';

/** Marks a compressed body. */
const ZSTD_MARK = 2;
/** JSON that is mostly hexadecimal ids gets smaller by the quicker levels: an index of 5.6 MB 1.84 MB in 21 ms, at level 3 1.99 in 45. */
const LEVEL = 1;
/** No index, snapshot or lock is larger than this when opened: a guard against compressed bombs. */
const MAX_PLAIN_BYTES: number = 2 ** 30;

/** Returns what to seal for a small object. In version 1 that is `plain` itself. */
export function packUnpacked(platform: Platform, version: FormatVersion, plain: Uint8Array): Uint8Array {
  if (version === 1) return plain;
  // Room for any frame, so that it is made in its place.
  const room = new Uint8Array(1 + Math.ceil(plain.length * 1.01) + 1024);
  room[0] = ZSTD_MARK;
  const frame = platform.zstdCompress(plain, LEVEL, room.subarray(1));
  return room.subarray(0, 1 + frame.length);
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
