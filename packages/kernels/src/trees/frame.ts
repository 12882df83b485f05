/** What surrounds the nodes of a tree. */
import type { TreeText } from './contract.ts';

/** What stands before the first node of a tree, and what ends one. */
export const TREE_HEAD: Buffer = Buffer.from('{"nodes":[');
export const TREE_TAIL: Buffer = Buffer.from(']}\n');

/** Returns whether the bytes begin and end as a tree does. */
export function isFramed(tree: Uint8Array): boolean {
  const { length } = TREE_HEAD;
  return TREE_HEAD.compare(tree, 0, Math.min(length, tree.length)) === 0 && tree.length > length;
}

/** `]}` and a newline or nothing. */
export function isTail({ bytes, at: from }: TreeText): boolean {
  const { length } = TREE_TAIL;
  const rest = bytes.length - from;
  return (rest === length || rest === length - 1) && TREE_TAIL.compare(bytes, from, bytes.length, 0, rest) === 0;
}
