/**
 * Verifies one pack: name against content, header against index, every blob opened and hashed. Reads it in pieces that stay
 * in the processor's cache, each byte once. Needs no repository, so that worker threads can run it.
 */
import type { Platform, Sealer } from '@hostark/kernels';
import type { BlobTable } from '../blobs/table.ts';
import { blobIdFrom, ID_BYTES } from '../ids.ts';
import { BlobCheck } from './blob-check.ts';
import { HashedPack, type PackBytes, READ_BYTES } from './hashed-pack.ts';
import type { OrderedBlob, PackOrder } from './pack-order.ts';
import { type PackVerdict, verdictOn } from './verdict.ts';

export interface PackCheckTools {
  readonly platform: Platform;
  readonly sealer: Sealer;
  readonly blobs: BlobTable;
  readonly order: PackOrder;
}

/** Verifies packs one after another in memory of its own. */
export class PackCheck {
  readonly #tools: PackCheckTools;
  readonly #stream: HashedPack;
  readonly #blobs: BlobCheck;
  readonly #id = new Uint8Array(ID_BYTES);

  constructor(tools: PackCheckTools) {
    this.#tools = tools;
    this.#stream = new HashedPack(tools.platform);
    this.#blobs = new BlobCheck(tools.platform, tools.sealer, this.#stream);
  }

  /** Verifies a pack by its number in the table. Throws only what `bytes` throws. */
  run(pack: number, bytes: PackBytes): PackVerdict {
    const id = this.#tools.blobs.packId(pack);
    const blobs = this.#tools.order.blobsOf(pack);
    const stream = this.#stream;
    stream.begin(bytes);
    const problems: string[] = [];
    const broken: number[] = [];
    for (let first = 0, next = 0; first < blobs.length; first = next) {
      next = endOfRead(blobs, first, bytes.length);
      const start = blobs[first]!.offset;
      const { offset, length } = blobs[next - 1]!;
      const piece = offset + length > bytes.length ? null : stream.range(start, offset + length);
      for (const blob of blobs.slice(first, next)) {
        const problem = this.#open(blob, piece?.subarray(blob.offset - start, blob.offset - start + blob.length));
        if (problem === null) continue;
        problems.push(problem);
        broken.push(blob.entry);
      }
    }
    return verdictOn(this.#tools, { id, bytes, blobs }, stream.digest(), problems, broken);
  }

  /** Returns what is wrong with a blob, or null. */
  #open(blob: OrderedBlob, sealed: Uint8Array | undefined): string | null {
    const { blobs } = this.#tools;
    const id = this.#id;
    blobs.idOf(blob.entry, id);
    if (sealed === undefined) {
      return `${blobs.kindOf(blob.entry)} blob ${blobIdFrom(id)} lies beyond the end of the file`;
    }
    try {
      this.#blobs.verify(sealed, blob.uncompressedLength, id);
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }
}

/** Returns the end (exclusive) of the blobs that are read together from the one at `first` on; that one is among them. */
function endOfRead(blobs: readonly OrderedBlob[], first: number, size: number): number {
  const start = blobs[first]!.offset;
  let end = start + blobs[first]!.length;
  let next = first + 1;
  for (; next < blobs.length; next++) {
    const { offset, length } = blobs[next]!;
    // Only blobs that lie exactly side by side: opening one overwrites it, so none may overlap.
    if (offset !== end || length === 0 || offset + length > size || offset + length - start > READ_BYTES) break;
    end = offset + length;
  }
  return next;
}
