/** Following a path through trees. */
import { HostarkError } from '@hostark/protocol';
import type { BlobSource } from '../blobs/load.ts';
import { sameBytes, utf8 } from '../encoding/bytes.ts';
import type { BlobId } from '../ids.ts';
import { loadTree } from './load.ts';

/** Returns the tree that the path components lead to, from `root`. Throws 'path-not-found'. */
export async function findSubtree(repo: BlobSource, root: BlobId, components: readonly string[]): Promise<BlobId> {
  let tree = root;
  for (const [depth, component] of components.entries()) {
    const nodes = await loadTree(repo, tree);
    const name = utf8(component);
    const node = nodes.find((candidate) => sameBytes(candidate.name, name));
    if (node === undefined || node.subtree === null) {
      const path = components.slice(0, depth + 1).join('/');
      const found = node === undefined ? 'is not in the snapshot' : `is a ${node.type}, not a directory`;
      throw new HostarkError('path-not-found', `${path} ${found}`, { context: { path } });
    }
    tree = node.subtree;
  }
  return tree;
}
