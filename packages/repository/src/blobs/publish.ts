/** A finished, durable pack enters the blob table. */
import type { IndexedPack } from '../index/encode.ts';
import { readHeader } from '../pack/header.ts';
import type { BlobTable } from './table.ts';

/** Publishes every blob of a pack, completing the claims on them. Owner thread of the table only. Returns the pack's number. */
export function publishPack(table: BlobTable, pack: IndexedPack): number {
  const number = table.addPack(pack.sha256);
  readHeader(pack.header, (kind, idAt, offset, length, uncompressedLength) => {
    table.publish(kind, pack.header, idAt, { pack: number, offset, length, uncompressedLength });
  });
  return number;
}
