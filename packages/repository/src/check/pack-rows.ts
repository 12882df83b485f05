/**
 * What the index says about the blobs of one pack, in columns in order of their offsets, and the header that a pack of
 * these blobs has. The memory is used again for the next pack: a blob costs no object.
 */
import type { BlobTable } from '../blobs/table.ts';
import { COMPRESSED_ENTRY_BYTES, PLAIN_ENTRY_BYTES, putUint32 } from '../pack/header.ts';
import type { PackOrder } from './pack-order.ts';

const FIRST_ROWS = 1024;

export class PackRows {
  count = 0;
  /** Entry in the blob table. */
  entries: Uint32Array = new Uint32Array(FIRST_ROWS);
  offsets: Uint32Array = new Uint32Array(FIRST_ROWS);
  /** Bytes in the pack, sealing included. */
  lengths: Uint32Array = new Uint32Array(FIRST_ROWS);
  /** 0 for a blob that is not compressed. */
  uncompressedLengths: Uint32Array = new Uint32Array(FIRST_ROWS);
  /** Where the blob's id stands in `header`. */
  idAts: Uint32Array = new Uint32Array(FIRST_ROWS);
  /** The plain header; `headerLength` bytes of it count. */
  header: Uint8Array = new Uint8Array(FIRST_ROWS * COMPRESSED_ENTRY_BYTES);
  headerLength = 0;
  /** Where the last blob ends if they lie from 0 on without gaps, as those of a pack do; else -1. */
  end = 0;

  /** Reads the blobs of a pack by its number. */
  fill(blobs: BlobTable, order: PackOrder, pack: number): void {
    const entries = inOrder(blobs, order.entriesOf(pack));
    this.count = entries.length;
    if (entries.length > this.entries.length) this.#grow(entries.length);
    const { header } = this;
    let end = 0;
    let at = 0;
    for (let row = 0; row < entries.length; row++) {
      const entry = entries[row]!;
      const { offset, length, uncompressedLength } = blobs.placeOf(entry)!;
      this.entries[row] = entry;
      this.offsets[row] = offset;
      this.lengths[row] = length;
      this.uncompressedLengths[row] = uncompressedLength;
      // The same as writeEntry(), with the id written where it belongs.
      header[at] = (blobs.kindOf(entry) === 'tree' ? 1 : 0) | (uncompressedLength === 0 ? 0 : 2);
      putUint32(header, at + 1, length);
      if (uncompressedLength !== 0) putUint32(header, at + 5, uncompressedLength);
      const idAt = at + (uncompressedLength === 0 ? 5 : 9);
      blobs.idOf(entry, header, idAt);
      this.idAts[row] = idAt;
      at += uncompressedLength === 0 ? PLAIN_ENTRY_BYTES : COMPRESSED_ENTRY_BYTES;
      end = end === offset ? offset + length : -1;
    }
    this.headerLength = at;
    this.end = end;
  }

  #grow(rows: number): void {
    const size = Math.ceil(rows * 1.25);
    this.entries = new Uint32Array(size);
    this.offsets = new Uint32Array(size);
    this.lengths = new Uint32Array(size);
    this.uncompressedLengths = new Uint32Array(size);
    this.idAts = new Uint32Array(size);
    this.header = new Uint8Array(size * COMPRESSED_ENTRY_BYTES);
  }
}

/** Index files list blobs in the order in which they lie; where one does not, its entries are sorted. */
function inOrder(blobs: BlobTable, entries: Uint32Array): Uint32Array {
  let last = -1;
  for (let i = 0; i < entries.length; i++) {
    const { offset } = blobs.placeOf(entries[i]!)!;
    if (offset < last) return sorted(blobs, entries);
    last = offset;
  }
  return entries;
}

function sorted(blobs: BlobTable, entries: Uint32Array): Uint32Array {
  const offset = (entry: number): number => blobs.placeOf(entry)!.offset;
  return Uint32Array.from([...entries].sort((a, b) => offset(a) - offset(b)));
}
