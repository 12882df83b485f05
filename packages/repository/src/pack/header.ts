/**
 * The header of a pack: one entry per blob, in the order of the blobs, which lie without gaps from offset 0.
 * Format: restic `internal/repository/pack/pack.go`; entry = type byte, length, [plaintext length,] id.
 */
import type { BlobKind } from '../blobs/kind.ts';
import { type BlobId, blobIdFrom, ID_BYTES } from '../ids.ts';

/** Entry of an uncompressed blob: type, length u32LE, id. */
export const PLAIN_ENTRY_BYTES = 37;
/** Entry of a compressed blob: type, length u32LE, plaintext length u32LE, id. */
export const COMPRESSED_ENTRY_BYTES = 41;
/** What a pack holds besides blobs and entries: the header's sealing (32) and its length (4). */
export const PACK_OVERHEAD = 36;
/** The header may be this long, sealed (restic: maxHeaderSize). */
export const MAX_HEADER_BYTES: number = 16 * 1024 * 1024;
/** No pack is smaller: one entry, sealing, length. */
export const MIN_PACK_BYTES: number = PLAIN_ENTRY_BYTES + PACK_OVERHEAD;

/** One blob of a pack, as its header and the index say. */
export interface PackEntry {
  readonly kind: BlobKind;
  readonly id: BlobId;
  readonly offset: number;
  /** Bytes in the pack, sealing included. */
  readonly length: number;
  /** Bytes of the plaintext if compressed, 0 if not. */
  readonly uncompressedLength: number;
}

/** Returns the bytes that an entry takes in a header. */
export function entryBytes(uncompressedLength: number): number {
  return uncompressedLength === 0 ? PLAIN_ENTRY_BYTES : COMPRESSED_ENTRY_BYTES;
}

/** Writes an entry at `at` and returns its size. `id` holds 32 raw bytes. */
export function writeEntry(
  out: Uint8Array,
  at: number,
  kind: BlobKind,
  length: number,
  uncompressedLength: number,
  id: Uint8Array,
): number {
  // Type bytes: 0 data, 1 tree, 2 compressed data, 3 compressed tree.
  out[at] = (kind === 'tree' ? 1 : 0) | (uncompressedLength === 0 ? 0 : 2);
  putUint32(out, at + 1, length);
  if (uncompressedLength !== 0) putUint32(out, at + 5, uncompressedLength);
  const size = entryBytes(uncompressedLength);
  out.set(id, at + size - ID_BYTES);
  return size;
}

/** The entries of an opened header, one after the other; its fields are those of the entry that it is at. */
export class HeaderCursor {
  kind: BlobKind = 'data';
  /** Where the raw id starts in the header. */
  idAt = 0;
  offset = 0;
  length = 0;
  uncompressedLength = 0;
  readonly #header: Uint8Array;
  #next = 0;

  constructor(header: Uint8Array) {
    this.#header = header;
  }

  /** Where the blob ends; at the end of the header, the last one. */
  get end(): number {
    return this.offset + this.length;
  }

  /** Moves on to the next entry, at first to the first one; false if there is none. Throws SyntaxError. */
  next(): boolean {
    const header = this.#header;
    const at = this.#next;
    if (at >= header.length) {
      if (at === 0) throw new SyntaxError('pack header: expected entries, got none');
      return false;
    }
    const type = header[at]!;
    if (type > 3) throw new SyntaxError(`pack header: expected a type from 0 to 3 at byte ${at}, got ${type}`);
    const size = type > 1 ? COMPRESSED_ENTRY_BYTES : PLAIN_ENTRY_BYTES;
    if (at + size > header.length)
      throw new SyntaxError(`pack header: expected ${size} bytes at byte ${at}, got fewer`);
    this.offset += this.length;
    this.kind = type % 2 === 1 ? 'tree' : 'data';
    this.length = getUint32(header, at + 1);
    this.uncompressedLength = type > 1 ? getUint32(header, at + 5) : 0;
    this.idAt = at + size - ID_BYTES;
    this.#next = at + size;
    return true;
  }
}

/** Receives one entry: the raw id starts at `idAt` of the header. */
export type EntryVisitor = (
  kind: BlobKind,
  idAt: number,
  offset: number,
  length: number,
  uncompressedLength: number,
) => void;

/** Calls `visit` for every entry of an opened header. Returns the end of the last blob. Throws SyntaxError. */
export function readHeader(header: Uint8Array, visit: EntryVisitor): number {
  const entry = new HeaderCursor(header);
  while (entry.next()) visit(entry.kind, entry.idAt, entry.offset, entry.length, entry.uncompressedLength);
  return entry.end;
}

/** Returns the end of the last blob of an opened header. Throws SyntaxError. */
export function blobsEnd(header: Uint8Array): number {
  const entry = new HeaderCursor(header);
  while (entry.next());
  return entry.end;
}

/** Returns the entries of an opened header. Throws SyntaxError. */
export function decodeHeader(header: Uint8Array): PackEntry[] {
  const entries: PackEntry[] = [];
  readHeader(header, (kind, idAt, offset, length, uncompressedLength) => {
    entries.push({ kind, id: blobIdFrom(header, idAt), offset, length, uncompressedLength });
  });
  return entries;
}

/** Writes an unsigned 32-bit integer, little endian. */
export function putUint32(out: Uint8Array, at: number, value: number): void {
  out[at] = value & 0xff;
  out[at + 1] = (value >>> 8) & 0xff;
  out[at + 2] = (value >>> 16) & 0xff;
  out[at + 3] = value >>> 24;
}

/** Reads an unsigned 32-bit integer, little endian. */
export function getUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
