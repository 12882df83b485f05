/** Sealed bytes to a verified blob. Needs no repository, so that worker threads can run it. */
import { type Platform, SEAL_OVERHEAD, type Sealer, withinSeal } from '@hostark/kernels';
import { HostarkError } from '@hostark/protocol';
import { ID_BYTES, sameId, toHex } from '../ids.ts';

/**
 * Opens, decompresses and verifies one blob. `sealed` is its range of the pack and is decrypted in place: an uncompressed
 * blob is returned as a view of it, a compressed one in `scratch` where it is large enough, else in fresh memory. Throws
 * HostarkError 'object-damaged'.
 */
export function openBlob(
  platform: Platform,
  sealer: Sealer,
  sealed: Uint8Array,
  uncompressedLength: number,
  id: Uint8Array,
  idAt = 0,
  scratch?: Uint8Array,
): Uint8Array {
  if (sealed.length < SEAL_OVERHEAD) throw damagedBlob(id, idAt, `expected at least 32 bytes, got ${sealed.length}`);
  const stored = withinSeal(sealed);
  if (!sealer.open(sealed, stored)) throw wrongMac(id, idAt);
  const compressed = uncompressedLength !== 0;
  const plain = compressed ? decompressBlob(platform, stored, uncompressedLength, id, idAt, scratch) : stored;
  const digest = platform.sha256(plain);
  if (!sameId(digest, 0, id, idAt)) throw wrongContent(id, idAt, digest);
  return plain;
}

/** Returns what a stored frame decompresses to, in `scratch` where it is large enough. Throws HostarkError 'object-damaged'. */
export function decompressBlob(
  platform: Platform,
  stored: Uint8Array,
  length: number,
  id: Uint8Array,
  idAt: number,
  scratch: Uint8Array | undefined,
): Uint8Array {
  let plain: Uint8Array;
  try {
    plain = platform.zstdDecompress(stored, length, scratch);
  } catch (cause) {
    throw damagedBlob(id, idAt, 'it does not decompress', cause);
  }
  if (plain.length !== length) throw damagedBlob(id, idAt, `expected ${length} bytes, got ${plain.length}`);
  return plain;
}

/** Returns the error for a blob whose seal is broken. */
export function wrongMac(id: Uint8Array, at: number): HostarkError {
  return damagedBlob(id, at, 'its MAC is wrong');
}

/** Returns the error for a blob whose content has the SHA-256 `digest` instead of its id. */
export function wrongContent(id: Uint8Array, at: number, digest: Uint8Array): HostarkError {
  return damagedBlob(id, at, `its content has the SHA-256 ${toHex(digest)}`);
}

/** Returns the error that says what is wrong with a blob. */
export function damagedBlob(id: Uint8Array, at: number, problem: string, cause?: unknown): HostarkError {
  const name = toHex(id, at, ID_BYTES);
  return new HostarkError('object-damaged', `blob ${name} is damaged: ${problem}`, {
    context: { blob: name },
    ...(cause === undefined ? {} : { cause }),
  });
}
