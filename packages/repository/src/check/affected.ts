/** Which snapshots and files a lost blob touches. Runs only when something is lost. */
import type { BlobSource } from '../blobs/load.ts';
import { goText } from '../encoding/runes.ts';
import type { BlobId } from '../ids.ts';
import type { StoredSnapshot } from '../snapshot/snapshot.ts';
import type { TreeNode } from '../tree/node.ts';
import { TreeReader } from '../tree/reader.ts';
import type { CheckContext } from './check.ts';
import { type FindingDraft, MAX_PATHS } from './finding.ts';

/** Adds snapshots and paths to the findings that cost blobs. */
export async function traceLosses(
  context: CheckContext,
  source: BlobSource,
  snapshots: readonly StoredSnapshot[],
): Promise<void> {
  const reader = new TreeReader(source);
  const { findings, signal } = context;
  const touched = new Map<BlobId, boolean>();

  const nodesOf = async (tree: BlobId): Promise<readonly TreeNode[]> => {
    signal?.throwIfAborted();
    // What cannot be read is lost itself; there is nothing below it.
    return reader.load(tree, signal).catch(() => []);
  };
  /** Whether anything below a tree is lost. Each tree is read once for this, however many snapshots share it. */
  const isTouched = async (tree: BlobId): Promise<boolean> => {
    const known = touched.get(tree);
    if (known !== undefined) return known;
    let touches = findings.of('tree', tree).length > 0;
    for (const node of await nodesOf(tree)) {
      touches ||= lossesOf(node).length > 0;
      if (node.subtree !== null && (await isTouched(node.subtree))) touches = true;
    }
    touched.set(tree, touches);
    return touches;
  };
  const lossesOf = (node: TreeNode): FindingDraft[] => {
    const drafts = new Set<FindingDraft>();
    for (const id of node.content ?? []) for (const draft of findings.of('data', id)) drafts.add(draft);
    return [...drafts];
  };
  const record = (drafts: Iterable<FindingDraft>, snapshot: StoredSnapshot, path: string): void => {
    for (const draft of drafts) {
      draft.snapshots.add(snapshot.id);
      draft.pathCount++;
      if (draft.paths.size < MAX_PATHS) draft.paths.add(path);
    }
  };
  const descend = async (snapshot: StoredSnapshot, tree: BlobId, path: string): Promise<void> => {
    record(findings.of('tree', tree), snapshot, `${path}/`);
    if (!(await isTouched(tree))) return;
    for (const node of await nodesOf(tree)) {
      const below = `${path}/${goText(node.name)}`;
      record(lossesOf(node), snapshot, below);
      if (node.subtree !== null) await descend(snapshot, node.subtree, below);
    }
  };
  for (const [done, snapshot] of snapshots.entries()) {
    await descend(snapshot, snapshot.tree, '');
    context.progress('losses', done + 1, snapshots.length);
  }
}
