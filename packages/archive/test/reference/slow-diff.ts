/** The obvious comparison: both trees are walked whole, entries are compared by path, blobs are collected in sets. */
import { type BlobId, type BlobSource, idBytes, plainLength, type TreeNode, walkTree } from '@hostark/repository';

interface Side {
  readonly nodes: Map<string, TreeNode>;
  /** `kind id` */
  readonly blobs: Set<string>;
}

async function sideOf(repository: BlobSource, tree: BlobId): Promise<Side> {
  const side: Side = { nodes: new Map(), blobs: new Set([`tree ${tree}`]) };
  await walkTree(repository, tree, ({ path, node }) => {
    side.nodes.set(Buffer.from(path).toString(), node);
    for (const id of node.content ?? []) side.blobs.add(`data ${id}`);
    if (node.subtree !== null) side.blobs.add(`tree ${node.subtree}`);
    return undefined;
  });
  return side;
}

export interface SlowDiff {
  /** `modifier path`, sorted. Only what is below folders on both sides, or on one. */
  readonly changes: string[];
  readonly added: { readonly dataBlobs: number; readonly treeBlobs: number; readonly bytes: number };
  readonly removed: { readonly dataBlobs: number; readonly treeBlobs: number; readonly bytes: number };
}

export async function slowDiff(repository: BlobSource, a: BlobId, b: BlobId, metadata: boolean): Promise<SlowDiff> {
  const before = await sideOf(repository, a);
  const after = await sideOf(repository, b);
  const changes: string[] = [];
  // Below an entry that changed its type nothing is told or counted: restic's rule.
  const turned = [...before.nodes].filter(([path, node]) => (after.nodes.get(path)?.type ?? node.type) !== node.type);
  const isTold = (path: string): boolean => !turned.some(([above]) => path.startsWith(`${above}/`));
  for (const path of new Set([...before.nodes.keys(), ...after.nodes.keys()])) {
    const [old, now] = [before.nodes.get(path), after.nodes.get(path)];
    if (!isTold(path)) continue;
    const modifier = old === undefined ? '+' : now === undefined ? '-' : modifierOf(old, now, metadata);
    if (modifier !== '') changes.push(`${modifier} ${path}`);
  }
  return {
    changes: changes.sort(),
    added: count(repository, after, before),
    removed: count(repository, before, after),
  };
}

function modifierOf(old: TreeNode, now: TreeNode, metadata: boolean): string {
  const text = (node: TreeNode): string =>
    JSON.stringify({ ...node, name: '', content: '', subtree: '' }, (_, v) => (typeof v === 'bigint' ? `${v}` : v));
  const isSame = text(old) === text(now);
  const hasSameContent = JSON.stringify(old.content) === JSON.stringify(now.content);
  if (old.type === 'file' && now.type === 'file' && !hasSameContent) return isSame ? 'M?' : 'M';
  const differs = !isSame || !hasSameContent || old.subtree !== now.subtree;
  return `${old.type === now.type ? '' : 'T'}${metadata && differs ? 'U' : ''}`;
}

function count(repository: BlobSource, side: Side, other: Side): SlowDiff['added'] {
  const counted = { dataBlobs: 0, treeBlobs: 0, bytes: 0 };
  for (const name of side.blobs) {
    if (other.blobs.has(name)) continue;
    const [kind, id] = name.split(' ') as ['data' | 'tree', BlobId];
    if (kind === 'data') counted.dataBlobs++;
    else counted.treeBlobs++;
    counted.bytes += plainLength(repository.blobs.lookup(kind, idBytes(id))!);
  }
  return counted;
}
