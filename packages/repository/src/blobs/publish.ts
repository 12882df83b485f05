/** A finished, durable pack enters the blob table. */
import type { IndexedPack } from '../index/encode.ts';
import { HeaderCursor } from '../pack/header.ts';
import type { BlobTable } from './table.ts';

/** Publishes every blob of a pack, completing the claims on them. Owner thread of the table only. Returns the pack's number. */
export function publishPack(table: BlobTable, pack: IndexedPack): number {
  const number = table.addPack(pack.sha256);
  const entry = new HeaderCursor(pack.header);
  while (entry.next()) {
    const { offset, length, uncompressedLength } = entry;
    table.publish(entry.kind, pack.header, entry.idAt, { pack: number, offset, length, uncompressedLength });
  }
  return number;
}
