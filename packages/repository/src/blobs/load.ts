/** Reading single blobs. Many blobs of one pack go through readPackRanges() instead. */
import type { Platform, Sealer } from '@hostark/kernels';
import { HostarkError } from '@hostark/protocol';
import type { Backend } from '../backend.ts';
import { type BlobId, idBytes } from '../ids.ts';
import { openBlob } from '../pack/open-blob.ts';
import type { BlobKind } from './kind.ts';
import type { BlobTable } from './table.ts';

/** What reading blobs needs of a repository. */
export interface BlobSource {
  readonly backend: Backend;
  readonly platform: Platform;
  readonly sealer: Sealer;
  readonly blobs: BlobTable;
}

/** Returns the error for a blob that no index file names. */
export function blobMissing(kind: BlobKind, id: BlobId): HostarkError {
  return new HostarkError('blob-missing', `${kind} blob ${id} is in no index file`, {
    hint: 'run `hostark check` to see what is affected',
    context: { blob: id, kind },
  });
}

/**
 * Returns a blob, verified, in memory of the caller. Every copy is tried, each twice, before the last error is thrown:
 * 'blob-missing' when no index names it, else 'object-missing', 'object-truncated' or 'object-damaged' of its last pack.
 */
export async function loadBlob(
  repo: BlobSource,
  kind: BlobKind,
  id: BlobId,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const raw = idBytes(id);
  const places = repo.blobs.lookupAll(kind, raw);
  let failure: unknown = blobMissing(kind, id);
  for (const { pack, offset, length, uncompressedLength } of [...places, ...places]) {
    const name = repo.blobs.packId(pack);
    try {
      // Tree packs are small and read again and again: a cache keeps them whole.
      const options = { metadata: kind === 'tree', ...(signal === undefined ? {} : { signal }) };
      const sealed = await repo.backend.load({ type: 'data', name }, { offset, length }, options);
      return openBlob(repo.platform, repo.sealer, sealed, uncompressedLength, raw);
    } catch (error) {
      signal?.throwIfAborted();
      failure =
        error instanceof HostarkError && error.code === 'object-damaged'
          ? new HostarkError('object-damaged', `pack ${name}: ${kind} ${error.message}`, {
              hint: 'run `hostark check --read-data` to see everything that is damaged',
              context: { pack: name, blob: id, kind },
              cause: error,
            })
          : error;
    }
  }
  throw failure;
}
