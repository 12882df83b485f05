/** Finding where blobs, trees and packs are used (restic's `find --blob`, `--tree`, `--pack`). */
import { HostarkError } from '@hostark/protocol';
import {
  type BlobId,
  type BlobKind,
  type BlobSource,
  blobIdFrom,
  loadPackHeader,
  packId,
  readHeader,
  type StoredSnapshot,
  type TreeNode,
} from '@hostark/repository';
import { type FindOptions, type FindResult, searchSnapshots } from './find.ts';
import { IdPrefixes } from './object-ids.ts';

/** What is looked for. */
export interface ObjectQuery {
  readonly blobs: IdPrefixes;
  readonly trees: IdPrefixes;
}

/** A use of a blob by a file, or of a tree by a directory. */
export interface FoundObject {
  readonly snapshot: StoredSnapshot;
  readonly kind: 'blob' | 'tree';
  readonly id: BlobId;
  /** The file or directory, absolute in the snapshot; `/` for the root. */
  readonly path: Uint8Array;
  /** The tree that holds the file; null for trees. */
  readonly parent: BlobId | null;
}

interface Uses {
  readonly blobs: readonly BlobId[];
  readonly tree: BlobId | null;
}

const ROOT_PATH = Uint8Array.of(0x2f);
const NO_BLOBS: readonly BlobId[] = [];

/** Calls `visit` for each use, in the order of findEntries(); a file that holds a blob twice counts twice. */
export async function findObjects(
  repository: BlobSource,
  snapshots: readonly StoredSnapshot[],
  query: ObjectQuery,
  visit: (found: FoundObject) => void,
  options: FindOptions = {},
): Promise<FindResult> {
  const searcher = {
    look: (node: TreeNode): Uses | null => usesOf(node, query),
    below: () => 0,
  };
  let roots = 0;
  const withRoots: FindOptions = {
    ...options,
    onSnapshot: (snapshot, done) => {
      options.onSnapshot?.(snapshot, done);
      if (!query.trees.has(snapshot.tree)) return;
      roots++;
      visit({ snapshot, kind: 'tree', id: snapshot.tree, path: ROOT_PATH, parent: null });
    },
  };
  let hits = 0;
  const tell = (snapshot: StoredSnapshot, path: Uint8Array, uses: Uses, parent: BlobId): void => {
    hits += uses.blobs.length + (uses.tree === null ? 0 : 1);
    if (uses.tree !== null) visit({ snapshot, kind: 'tree', id: uses.tree, path, parent: null });
    for (const id of uses.blobs) visit({ snapshot, kind: 'blob', id, path, parent });
  };
  const result = await searchSnapshots(repository, snapshots, searcher, 0, withRoots, tell);
  return { ...result, hits: hits + roots };
}

function usesOf({ type, content, subtree }: TreeNode, { blobs, trees }: ObjectQuery): Uses | null {
  const used = type === 'file' && content !== null && !blobs.isEmpty ? content.filter((id) => blobs.has(id)) : NO_BLOBS;
  const tree = subtree !== null && trees.has(subtree) ? subtree : null;
  return used.length === 0 && tree === null ? null : { blobs: used, tree };
}

/**
 * Returns what packs hold: by the index, and by the pack's own header for one that no index lists. `ids` may be prefixes.
 * Throws 'object-missing' naming those that are not there, and what reading a header throws.
 */
export async function objectsOfPacks(
  repository: BlobSource,
  ids: readonly string[],
  signal?: AbortSignal,
): Promise<ObjectQuery> {
  const wanted = new IdPrefixes(ids);
  const query: ObjectQuery = { blobs: new IdPrefixes([]), trees: new IdPrefixes([]) };
  const add = (kind: BlobKind, id: BlobId): void => query[kind === 'tree' ? 'trees' : 'blobs'].add(id);
  const { backend, sealer, blobs } = repository;
  const indexed = new Map<number, string>();
  for (let number = 0; number < blobs.packCount; number++) {
    const id = blobs.packId(number);
    if (wanted.has(id)) indexed.set(number, id);
  }
  blobs.forEach((kind, id, { pack }) => {
    if (indexed.has(pack)) add(kind, blobIdFrom(id));
  });
  const found = new Set(indexed.values());
  if (wanted.missing(found).length === 0) return query;
  for await (const { name, size } of backend.list('data')) {
    if (!wanted.has(name) || found.has(name)) continue;
    found.add(name);
    const header = await loadPackHeader(backend, sealer, packId(name), size, signal);
    readHeader(header, (kind, at) => add(kind, blobIdFrom(header, at)));
  }
  const missing = wanted.missing(found);
  if (missing.length === 0) return query;
  throw new HostarkError('object-missing', `the repository has no pack ${missing.join(', ')}`, {
    hint: 'list them with `hostark list packs`',
    context: { packs: missing.join(' ') },
  });
}
