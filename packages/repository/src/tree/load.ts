/** Loading one tree. For many trees use TreeReader, which reads tree packs whole. */
import { HostarkError } from '@hostark/protocol';
import { type BlobSource, loadBlob } from '../blobs/load.ts';
import type { BlobId } from '../ids.ts';
import { decodeTree } from './decode.ts';
import type { TreeNode } from './node.ts';

/** Returns the nodes of a tree. Throws as loadBlob() does, and 'object-damaged' for a blob that is no tree. */
export async function loadTree(repo: BlobSource, id: BlobId, signal?: AbortSignal): Promise<TreeNode[]> {
  return parseTree(id, await loadBlob(repo, 'tree', id, signal));
}

/** Decodes a tree blob. Throws 'object-damaged' naming it. */
export function parseTree(id: BlobId, bytes: Uint8Array): TreeNode[] {
  try {
    return decodeTree(bytes);
  } catch (cause) {
    throw new HostarkError('object-damaged', `tree blob ${id} holds no tree: ${(cause as Error).message}`, {
      context: { blob: id, kind: 'tree' },
      cause,
    });
  }
}
