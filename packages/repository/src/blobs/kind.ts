/** The two kinds of blobs, and where a blob lies. */

/** `data`: a chunk of file content. `tree`: one directory. A blob is named by its kind and its id together. */
export const BLOB_KINDS = ['data', 'tree'] as const;
export type BlobKind = (typeof BLOB_KINDS)[number];

/** Where a stored blob lies: a range of a pack. All numbers are unsigned 32 bits, as in the format. */
export interface BlobPlace {
  /** Number of the pack in the blob table that gave this place; see BlobTable.packId. */
  readonly pack: number;
  readonly offset: number;
  /** Bytes in the pack, sealing included. */
  readonly length: number;
  /** Bytes of the plaintext if the blob is compressed, 0 if it is not. */
  readonly uncompressedLength: number;
}

/** Returns the bytes of the plaintext of a stored blob. 32 is what sealing adds (IV and MAC). */
export function plainLength(place: Pick<BlobPlace, 'length' | 'uncompressedLength'>): number {
  return place.uncompressedLength === 0 ? place.length - 32 : place.uncompressedLength;
}
