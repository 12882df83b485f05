/** Finding entries in snapshots by name, path and time (restic's `find`). */
import type { BlobSource, Instant, StoredSnapshot, TreeNode } from '@hostark/repository';
import { type FindPatterns, ROOT_SCOPE } from './patterns.ts';
import { SharedSearch } from './shared-search.ts';

/** Which entries: those that match any pattern and were modified within the times, both ends included. */
export interface EntryQuery {
  readonly patterns: FindPatterns;
  readonly oldest?: Instant | undefined;
  readonly newest?: Instant | undefined;
}

/** An entry that was found. All of it may be kept. */
export interface FoundEntry {
  readonly snapshot: StoredSnapshot;
  /** Absolute in the snapshot. */
  readonly path: Uint8Array;
  readonly node: TreeNode;
}

/** A tree that could not be read; told once, though every snapshot that shares it lacks what it holds. */
export interface UnreadTree {
  /** Where it was met first. */
  readonly snapshot: StoredSnapshot;
  /** Absolute in the snapshot; '' for the root. */
  readonly path: Uint8Array;
  readonly tree: StoredSnapshot['tree'];
  readonly error: unknown;
}

export interface FindOptions {
  readonly onUnread?: ((unread: UnreadTree) => void) | undefined;
  /** Told before each snapshot is searched. */
  readonly onSnapshot?: ((snapshot: StoredSnapshot, done: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a search came to. */
export interface FindResult {
  readonly hits: number;
  /** Trees read: each once, however many snapshots share it. */
  readonly treesRead: number;
  readonly treesUnread: number;
}

/**
 * Calls `visit` for each match, snapshot by snapshot in the given order, entries in stored order. The index must be loaded.
 * A tree that cannot be read ends nothing: `onUnread` is told.
 */
export async function findEntries(
  repository: BlobSource,
  snapshots: readonly StoredSnapshot[],
  query: EntryQuery,
  visit: (found: FoundEntry) => void,
  options: FindOptions = {},
): Promise<FindResult> {
  const { patterns } = query;
  const isInTime = timeFilter(query);
  const searcher = {
    look: (node: TreeNode, scope: number): TreeNode | null =>
      patterns.matches(scope, node.name) && isInTime(node) ? owned(node) : null,
    below: (node: TreeNode, scope: number): number => patterns.below(scope, node.name),
  };
  return searchSnapshots(repository, snapshots, searcher, ROOT_SCOPE, options, (snapshot, path, node) =>
    visit({ snapshot, path, node }),
  );
}

function timeFilter({ oldest, newest }: EntryQuery): (node: TreeNode) => boolean {
  if (oldest === undefined && newest === undefined) return () => true;
  return ({ mtime }) =>
    (oldest === undefined || mtime.ns >= oldest.ns) && (newest === undefined || mtime.ns <= newest.ns);
}

/** A copy whose bytes are its own. */
function owned(node: TreeNode): TreeNode {
  const name = Uint8Array.from(node.name);
  const { linkTarget } = node;
  return linkTarget === undefined ? { ...node, name } : { ...node, name, linkTarget: Uint8Array.from(linkTarget) };
}

/** Runs one search over snapshots; for findEntries() and findObjects(). */
export async function searchSnapshots<Hit>(
  repository: BlobSource,
  snapshots: readonly StoredSnapshot[],
  searcher: ConstructorParameters<typeof SharedSearch<Hit>>[1],
  scope: number,
  options: FindOptions,
  tell: (snapshot: StoredSnapshot, path: Uint8Array, hit: Hit, tree: StoredSnapshot['tree']) => void,
): Promise<FindResult> {
  const { signal, onUnread = () => {}, onSnapshot = () => {} } = options;
  let hits = 0;
  let treesUnread = 0;
  let current: StoredSnapshot | null = null;
  const onError = (path: Uint8Array, tree: StoredSnapshot['tree'], error: unknown): void => {
    treesUnread++;
    onUnread({ snapshot: current!, path, tree, error });
  };
  // What is found once in one snapshot need not be kept.
  const keep = snapshots.length > 1 ? undefined : 0;
  const search = new SharedSearch<Hit>(repository, searcher, { onError, signal }, keep);
  for (const [done, snapshot] of snapshots.entries()) {
    current = snapshot;
    onSnapshot(snapshot, done);
    await search.run(snapshot.tree, scope, (path, hit, tree) => {
      hits++;
      tell(snapshot, path, hit, tree);
    });
  }
  return { hits, treesRead: search.trees, treesUnread };
}
