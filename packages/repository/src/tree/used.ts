/** Which blobs trees use: for comparing snapshots, and for whoever must know what is still needed. */

import type { BlobKind } from '../blobs/kind.ts';
import { plainLength } from '../blobs/kind.ts';
import type { BlobSource } from '../blobs/load.ts';
import { type BlobId, ID_BYTES, writeIdBytes } from '../ids.ts';
import { parseTree } from './load.ts';
import { TreeReader } from './reader.ts';
import { TreeSkimmer } from './skim.ts';
import { forEachTreeId } from './walk.ts';

/** Told of the blobs; some more than once. `id` is raw and lent. */
export type BlobUse = (kind: BlobKind, id: Uint8Array) => void;

/**
 * Calls `use` for every tree reachable from `roots`, the roots among them, and for every data blob of their files. Each
 * distinct tree is read once, verified, several at a time. A tree that cannot be read is told to `onError`; without it,
 * what reading throws ends the call. Needs the index loaded.
 */
export async function forEachUsedBlob(
  repo: BlobSource,
  roots: Iterable<BlobId>,
  use: BlobUse,
  options: {
    readonly reader?: TreeReader | undefined;
    readonly onError?: ((tree: BlobId, error: unknown) => void) | undefined;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<void> {
  const { reader = new TreeReader(repo), onError, signal } = options;
  const { blobs } = repo;
  const raw = new Uint8Array(ID_BYTES);
  const skimmer = new TreeSkimmer((id) => {
    use('data', id);
    const place = blobs.lookup('data', id);
    return place === null ? -1 : plainLength(place);
  });
  const useHex = (kind: BlobKind, id: BlobId): void => {
    writeIdBytes(id, raw);
    use(kind, raw);
  };
  const load = async (id: BlobId, ask: (below: BlobId) => void): Promise<void> => {
    useHex('tree', id);
    const look = (bytes: Uint8Array): void => {
      if (skimmer.isWhole(bytes)) {
        for (const subtree of skimmer.subtrees()) ask(subtree);
        return;
      }
      for (const { content, subtree } of parseTree(id, bytes)) {
        if (content !== null) for (const blob of content) useHex('data', blob);
        if (subtree !== null) ask(subtree);
      }
    };
    try {
      await reader.lend(id, look, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (onError === undefined) throw error;
      onError(id, error);
    }
  };
  await forEachTreeId(repo, roots, load, signal);
}
