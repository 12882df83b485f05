/** The verdict on a pack: what its blobs came to, and beside it its name against its content, its header against the index. */
import type { Sealer } from '@hostark/kernels';
import type { BlobTable } from '../blobs/table.ts';
import { ID_BYTES, type PackId, sameId } from '../ids.ts';
import { readHeader } from '../pack/header.ts';
import { headerOfBytes } from '../pack/read-header.ts';
import type { PackBytes } from './hashed-pack.ts';
import type { OrderedBlob } from './pack-order.ts';

/** What came out for one pack. Can be sent to another thread. */
export interface PackVerdict {
  readonly bytesRead: number;
  /** One sentence each; none for a pack that is whole. */
  readonly problems: readonly string[];
  /** Entries of the table whose blobs cannot be read from this pack, in order of their offsets. */
  readonly broken: readonly number[];
}

/** A pack that was read, and its blobs as the index has them. */
export interface ReadPack {
  readonly id: PackId;
  readonly bytes: PackBytes;
  readonly blobs: readonly OrderedBlob[];
}

/**
 * Returns the verdict on a pack. `digest`: the SHA-256 of its bytes in hex; `problems`: what is wrong with blobs, and `broken`
 * which. Throws only what `bytes` throws.
 */
export function verdictOn(
  tools: { readonly sealer: Sealer; readonly blobs: BlobTable },
  pack: ReadPack,
  digest: string,
  problems: readonly string[],
  broken: readonly number[],
): PackVerdict {
  const { length } = pack.bytes;
  const named = digest === pack.id ? [] : [`its ${length} bytes have the SHA-256 ${digest}`];
  const header = compareHeader(tools, pack);
  return { bytesRead: length, problems: [...named, ...(header === null ? [] : [header]), ...problems], broken };
}

/** Returns how the header of a pack differs from the index, or null. */
function compareHeader(
  { sealer, blobs: table }: { readonly sealer: Sealer; readonly blobs: BlobTable },
  { id, bytes, blobs }: ReadPack,
): string | null {
  let header: Uint8Array;
  try {
    header = headerOfBytes(sealer, id, bytes.length, (offset, length) => {
      const part = new Uint8Array(length);
      bytes.read(offset, part);
      return part;
    });
  } catch (error) {
    return (error as Error).message;
  }
  const blobId = new Uint8Array(ID_BYTES);
  let next = 0;
  let same = true;
  readHeader(header, (kind, idAt, offset, length, uncompressedLength) => {
    const blob = blobs[next++];
    if (blob === undefined) {
      same = false;
      return;
    }
    table.idOf(blob.entry, blobId);
    same &&= table.kindOf(blob.entry) === kind && sameId(blobId, 0, header, idAt) && blob.offset === offset;
    same &&= blob.length === length && blob.uncompressedLength === uncompressedLength;
  });
  return same && next === blobs.length ? null : 'its header and the index list different blobs';
}
