/** Ids that users type for blobs, trees and packs: whole ones, or how they begin. */
import { HostarkError } from '@hostark/protocol';
import {
  type BlobId,
  type BlobKind,
  type BlobPlace,
  type BlobTable,
  blobId,
  blobIdFrom,
  idBytes,
  isHexId,
} from '@hostark/repository';

/** A set of ids, whole or by prefix. */
export class IdPrefixes {
  readonly #whole: Set<string> = new Set();
  readonly #prefixes: string[] = [];

  /** Throws 'bad-id' for what is no beginning of an id. */
  constructor(ids: Iterable<string>) {
    for (const id of ids) {
      if (isHexId(id)) this.#whole.add(id);
      else if (/^[0-9a-f]{1,63}$/.test(id)) this.#prefixes.push(id);
      else {
        throw new HostarkError('bad-id', `expected an id or how it begins, got ${JSON.stringify(id.slice(0, 80))}`, {
          hint: 'ids are 64 of the digits 0-9 and a-f; the first 8 are usually enough',
        });
      }
    }
  }

  /** The ids given whole. */
  get whole(): Iterable<string> {
    return this.#whole;
  }

  get hasPrefixes(): boolean {
    return this.#prefixes.length > 0;
  }

  get isEmpty(): boolean {
    return this.#whole.size === 0 && this.#prefixes.length === 0;
  }

  add(id: string): void {
    this.#whole.add(id);
  }

  has(id: string): boolean {
    return this.#whole.has(id) || this.#prefixes.some((prefix) => id.startsWith(prefix));
  }

  /** The given ids of which none of `found` is one. */
  missing(found: ReadonlySet<string>): string[] {
    const whole = [...this.#whole].filter((id) => !found.has(id));
    const prefixes = this.#prefixes.filter((prefix) => ![...found].some((id) => id.startsWith(prefix)));
    return [...whole, ...prefixes].sort();
  }
}

/** A stored blob: which, and where it lies. */
export interface StoredBlob {
  readonly kind: BlobKind;
  readonly id: BlobId;
  readonly pack: string;
  readonly offset: number;
  readonly length: number;
  /** 0 for a blob that is not compressed. */
  readonly uncompressedLength: number;
}

/** Returns every copy of the blobs of a kind that the index lists and `ids` holds, in order of pack and offset. */
export function storedBlobs(blobs: BlobTable, kind: BlobKind, ids: IdPrefixes): StoredBlob[] {
  const found: StoredBlob[] = [];
  const add = (id: BlobId, { pack, offset, length, uncompressedLength }: BlobPlace): void => {
    found.push({ kind, id, pack: blobs.packId(pack), offset, length, uncompressedLength });
  };
  if (ids.hasPrefixes) {
    blobs.forEach((other, raw, place) => {
      if (other !== kind) return;
      const id = blobIdFrom(raw);
      if (ids.has(id)) add(id, place);
    });
  } else {
    for (const id of ids.whole) for (const place of blobs.lookupAll(kind, idBytes(id))) add(blobId(id), place);
  }
  return found.sort((a, b) => (a.pack === b.pack ? a.offset - b.offset : a.pack < b.pack ? -1 : 1));
}
