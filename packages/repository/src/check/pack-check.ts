/**
 * Verifies one pack: name against content, header against index, every blob opened and hashed. Reads it in pieces that stay
 * in the processor's cache, each byte once; what is not as it should be is read again and looked at closely. Needs no
 * repository, so that worker threads can run it.
 */
import type { BlobVerifier, Platform, Sealer } from '@hostark/kernels';
import type { BlobTable } from '../blobs/table.ts';
import { blobIdFrom, ID_BYTES, sameId } from '../ids.ts';
import { getUint32, PACK_OVERHEAD, readHeader } from '../pack/header.ts';
import { openBlob } from '../pack/open-blob.ts';
import { headerOfBytes } from '../pack/read-header.ts';
import { Scratch } from '../scratch.ts';
import { HashedPack, type PackBytes, READ_BYTES } from './hashed-pack.ts';
import type { PackOrder } from './pack-order.ts';
import { PackRows } from './pack-rows.ts';

/** What came out for one pack. Can be sent to another thread. */
export interface PackVerdict {
  readonly bytesRead: number;
  /** One sentence each; none for a pack that is whole. */
  readonly problems: readonly string[];
  /** Entries of the table whose blobs cannot be read from this pack, in order of their offsets. */
  readonly broken: readonly number[];
}

export interface PackCheckTools {
  readonly platform: Platform;
  readonly sealer: Sealer;
  /** The quick way to tell whole blobs, of the same key as the sealer; null where there is none. */
  readonly verifier: BlobVerifier | null;
  readonly blobs: BlobTable;
  readonly order: PackOrder;
}

/** Verifies packs one after another in memory of its own. */
export class PackCheck {
  readonly #tools: PackCheckTools;
  readonly #stream: HashedPack;
  readonly #rows = new PackRows();
  readonly #plain = new Scratch();

  constructor(tools: PackCheckTools) {
    this.#tools = tools;
    const { verifier } = tools;
    const own = new Scratch();
    const memory = verifier === null ? own.exactly.bind(own) : verifier.memory.bind(verifier);
    this.#stream = new HashedPack(tools.platform.sha256Stream(), memory);
  }

  /** Verifies a pack by its number in the table. Throws only what `bytes` throws. */
  run(pack: number, bytes: PackBytes): PackVerdict {
    const { blobs, order } = this.#tools;
    const id = blobs.packId(pack);
    const rows = this.#rows;
    rows.fill(blobs, order, pack);
    this.#stream.begin(bytes);
    const suspects = this.#readBlobs(bytes.length);
    const problems: string[] = [];
    const broken: number[] = [];
    const hasHeader = this.#hasExpectedHeader(bytes.length);
    const digest = this.#stream.digest();
    if (digest !== id) problems.push(`its ${bytes.length} bytes have the SHA-256 ${digest}`);
    const named = hasHeader ? null : this.#compareHeader(pack, bytes);
    if (named !== null) problems.push(named);
    for (const row of suspects) {
      problems.push(this.#problemOf(row, bytes));
      broken.push(rows.entries[row]!);
    }
    return { bytesRead: bytes.length, problems, broken };
  }

  /** Reads and verifies all blobs; returns the rows of those that are not whole. */
  #readBlobs(size: number): number[] {
    const { count, offsets, lengths } = this.#rows;
    const suspects: number[] = [];
    for (let first = 0, next = 0; first < count; first = next) {
      const start = offsets[first]!;
      let end = start + lengths[first]!;
      next = first + 1;
      if (end > size) {
        suspects.push(first);
        continue;
      }
      const last = Math.min(size, start + READ_BYTES);
      // Only blobs that lie exactly side by side: opening one overwrites it, so none may overlap.
      while (next < count && offsets[next] === end && lengths[next]! > 0 && end + lengths[next]! <= last) {
        end += lengths[next++]!;
      }
      const piece = this.#stream.range(start, end);
      for (let row = first; row < next; row++) if (!this.#isWhole(row, piece, start)) suspects.push(row);
    }
    return suspects;
  }

  /** Whether the blob of a row, which lies in `piece`, read from `start` on, is whole. Overwrites it. */
  #isWhole(row: number, piece: Uint8Array, start: number): boolean {
    const { verifier } = this.#tools;
    const { offsets, lengths, uncompressedLengths, header, idAts } = this.#rows;
    const at = offsets[row]! - start;
    const length = lengths[row]!;
    if (verifier !== null) return verifier.isWhole(at, length, uncompressedLengths[row]!, header, idAts[row]!);
    return this.#open(row, piece.subarray(at, at + length)) === null;
  }

  /** Returns what is wrong with a blob, or null. */
  #open(row: number, sealed: Uint8Array): string | null {
    const { platform, sealer } = this.#tools;
    const { uncompressedLengths, header, idAts } = this.#rows;
    const uncompressedLength = uncompressedLengths[row]!;
    try {
      const scratch = this.#plain.atLeast(uncompressedLength);
      openBlob(platform, sealer, sealed, uncompressedLength, header, idAts[row]!, scratch);
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Looks closely at a blob that was not found whole, and says what is wrong. */
  #problemOf(row: number, bytes: PackBytes): string {
    const { entries, offsets, lengths, header, idAts } = this.#rows;
    const name = blobIdFrom(header, idAts[row]!);
    const offset = offsets[row]!;
    if (offset + lengths[row]! > bytes.length) {
      return `${this.#tools.blobs.kindOf(entries[row]!)} blob ${name} lies beyond the end of the file`;
    }
    const sealed = new Uint8Array(lengths[row]!);
    bytes.read(offset, sealed);
    return (
      this.#open(row, sealed) ?? `blob ${name} was damaged when it was read first, and whole when it was read again`
    );
  }

  /** Whether the pack ends in exactly the header that its blobs have, without a gap before it. */
  #hasExpectedHeader(size: number): boolean {
    const { header, headerLength, end } = this.#rows;
    if (headerLength === 0 || end < 0 || end + headerLength + PACK_OVERHEAD !== size) return false;
    const tail = this.#stream.range(end, size);
    if (getUint32(tail, tail.length - 4) !== headerLength + 32) return false;
    const sealed = tail.subarray(0, tail.length - 4);
    const plain = sealed.subarray(16, sealed.length - 16);
    if (!this.#tools.sealer.open(sealed, plain)) return false;
    for (let i = 0; i < headerLength; i++) if (plain[i] !== header[i]) return false;
    return true;
  }

  /** Returns how the header of a pack differs from the index, or null. */
  #compareHeader(pack: number, bytes: PackBytes): string | null {
    const { blobs: table, sealer } = this.#tools;
    let header: Uint8Array;
    try {
      header = headerOfBytes(sealer, table.packId(pack), bytes.length, (offset, length) => {
        const part = new Uint8Array(length);
        bytes.read(offset, part);
        return part;
      });
    } catch (error) {
      return (error as Error).message;
    }
    const { count, entries, offsets, lengths, uncompressedLengths } = this.#rows;
    const id = new Uint8Array(ID_BYTES);
    let row = 0;
    let same = true;
    readHeader(header, (kind, idAt, offset, length, uncompressedLength) => {
      const at = row++;
      if (at >= count) return;
      const entry = entries[at]!;
      table.idOf(entry, id);
      same &&= table.kindOf(entry) === kind && sameId(id, 0, header, idAt) && offsets[at] === offset;
      same &&= lengths[at] === length && uncompressedLengths[at] === uncompressedLength;
    });
    return same && row === count ? null : 'its header and the index list different blobs';
  }
}
