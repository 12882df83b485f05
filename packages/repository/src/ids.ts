/**
 * Object and blob names: SHA-256 digests, written as 64 lowercase hex digits at the surface, raw 32 bytes on hot paths.
 * A name of one kind does not pass for another: the brands keep them apart, and the constructors here are the only casts.
 */
import { HostarkError } from '@hostark/protocol';
import type { FileType } from './backend.ts';

/** Bytes of a raw id. */
export const ID_BYTES = 32;

/** Names a blob: SHA-256 of its plaintext. Identity is the pair of kind and id. */
export type BlobId = string & { readonly __brand: 'BlobId' };
/** Names a pack: SHA-256 of the whole file. */
export type PackId = string & { readonly __brand: 'PackId' };
/** Names a snapshot: SHA-256 of the sealed file. */
export type SnapshotId = string & { readonly __brand: 'SnapshotId' };
/** Names an index file: SHA-256 of the sealed file. */
export type IndexId = string & { readonly __brand: 'IndexId' };
/** Names a key file: SHA-256 of the plain JSON. */
export type KeyId = string & { readonly __brand: 'KeyId' };
/** Names a lock: SHA-256 of the sealed file. */
export type LockId = string & { readonly __brand: 'LockId' };

/** The id brand that belongs to each object type named by its content. */
export interface IdOf {
  readonly data: PackId;
  readonly snapshots: SnapshotId;
  readonly index: IndexId;
  readonly keys: KeyId;
  readonly locks: LockId;
}

/** Object types whose name is the digest of their bytes: all but the config. */
export type NamedType = Exclude<FileType, 'config'>;

const HEX_ID = /^[0-9a-f]{64}$/;

/** Returns whether `text` is 64 lowercase hex digits. */
export function isHexId(text: string): boolean {
  return HEX_ID.test(text);
}

function checked(text: string, what: string): string {
  if (!HEX_ID.test(text)) {
    throw new HostarkError('bad-id', `${what}: expected 64 hex digits, got ${JSON.stringify(text.slice(0, 80))}`);
  }
  return text;
}

/** Checks and brands a blob id. Throws HostarkError 'bad-id'. */
export function blobId(text: string): BlobId {
  return checked(text, 'blob id') as BlobId;
}

/** Checks and brands a pack id. Throws HostarkError 'bad-id'. */
export function packId(text: string): PackId {
  return checked(text, 'pack id') as PackId;
}

/** Checks and brands a snapshot id. Throws HostarkError 'bad-id'. */
export function snapshotId(text: string): SnapshotId {
  return checked(text, 'snapshot id') as SnapshotId;
}

/** Checks and brands the name of an object of any content-named type. Throws HostarkError 'bad-id'. */
export function objectId<T extends NamedType>(type: T, text: string): IdOf[T] {
  return checked(text, `name in ${type}`) as IdOf[T];
}

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Returns `length` bytes from `at` as lowercase hex. */
export function toHex(bytes: Uint8Array, at = 0, length: number = bytes.length - at): string {
  let text = '';
  for (let i = at; i < at + length; i++) text += DIGITS[bytes[i]!];
  return text;
}

/** Returns the blob id whose 32 raw bytes start at `at`. */
export function blobIdFrom(bytes: Uint8Array, at = 0): BlobId {
  return toHex(bytes, at, ID_BYTES) as BlobId;
}

/** Returns the pack id whose 32 raw bytes start at `at`. */
export function packIdFrom(bytes: Uint8Array, at = 0): PackId {
  return toHex(bytes, at, ID_BYTES) as PackId;
}

/** Value of a hex digit by its code; 255 for what is none. Uppercase digits are none: ids are lowercase. */
export const HEX_VALUE: Uint8Array = new Uint8Array(256).fill(255);
for (let i = 0; i < 16; i++) HEX_VALUE['0123456789abcdef'.charCodeAt(i)] = i;

/** Writes the 32 raw bytes of a hex id into `out` at `at`. Throws RangeError on anything but 64 lowercase hex digits. */
export function writeIdBytes(id: string, out: Uint8Array, at = 0): void {
  if (id.length !== 2 * ID_BYTES) throw new RangeError(`id: expected 64 hex digits, got ${id.length} characters`);
  let wrong = 0;
  for (let i = 0; i < ID_BYTES; i++) {
    const high = HEX_VALUE[id.charCodeAt(2 * i) & 0xff]!;
    const low = HEX_VALUE[id.charCodeAt(2 * i + 1) & 0xff]!;
    wrong |= high | low;
    out[at + i] = (high << 4) | low;
  }
  if (wrong > 15) throw new RangeError('id: expected lowercase hex digits');
}

/** Returns the 32 raw bytes of a hex id, in fresh memory. */
export function idBytes(id: string): Uint8Array {
  const bytes = new Uint8Array(ID_BYTES);
  writeIdBytes(id, bytes);
  return bytes;
}

/** Returns whether the 32 bytes at `at` of `a` and at `bt` of `b` are the same. Not constant time: ids are no secrets. */
export function sameId(a: Uint8Array, at: number, b: Uint8Array, bt: number): boolean {
  for (let i = 0; i < ID_BYTES; i++) if (a[at + i] !== b[bt + i]) return false;
  return true;
}
