/** Single nodes and parts of them as text, for those who put trees together from text. */
import { type ScanHooks, TREE_HEAD, TREE_TAIL, type Xattr } from '@hostark/kernels';
import {
  type BlobId,
  decodeTree,
  encodeTree,
  extraText,
  goText,
  nameOfText,
  nameText,
  ownerText,
  type TreeNode,
  type TreeXattr,
} from '@hostark/repository';
import { type NodeContext, nodeOf } from '../walk/node.ts';

/** Stands for a tree that is not known yet. */
export const ZERO_TREE: BlobId = '0'.repeat(64) as BlobId;

/** Returns the text of a node. */
export function textOfNode(node: TreeNode): Uint8Array {
  return encodeTree([node]).subarray(TREE_HEAD.length, -TREE_TAIL.length);
}

/** Returns the node that a text, as textOfNode() gives it, stands for. */
export function nodeOfText(text: Uint8Array): TreeNode {
  return decodeTree(Buffer.concat([TREE_HEAD, text, TREE_TAIL]))[0]!;
}

/** Returns what stands between the brackets of a file's content. */
export function contentText(content: readonly BlobId[]): Uint8Array {
  return Buffer.from(content.length === 0 ? '' : `"${content.join('","')}"`, 'latin1');
}

/** What the tree kernel leaves to the encoders and to the plain way from a stat to a node. */
export function scanHooks(context: NodeContext): ScanHooks {
  const { posix, zone } = context;
  return {
    offsetAt: zone,
    encodeOwner: (uid, gid) => ownerText({ uid, gid, user: posix.userName(uid), group: posix.groupName(gid) }),
    encodeName: nameText,
    decodeName: nameOfText,
    encodeExtras: (target, xattrs) => extraText(target, xattrs.map(treeXattr)),
    encodeNode(name, stat, target, xattrs) {
      const node = nodeOf(name, stat, xattrs, target, context);
      if (node.type === 'dir') node.subtree = ZERO_TREE;
      return textOfNode(node);
    },
  };
}

function treeXattr({ name, value }: Xattr): TreeXattr {
  return { name: goText(name), value };
}
