/** Whether two nodes are the same. Source: restic `internal/data/node.go`, Equals. */
import { sameBytes } from '../encoding/bytes.ts';
import type { TreeNode, TreeXattr } from './node.ts';

/** Returns whether everything is equal: attributes, content and subtree. Times are compared as points in time. */
export function sameNode(a: TreeNode, b: TreeNode): boolean {
  return sameAttributes(a, b) && sameContent(a.content, b.content) && a.subtree === b.subtree;
}

/** The same without content and subtree. */
export function sameAttributes(a: TreeNode, b: TreeNode): boolean {
  return (
    sameBytes(a.name, b.name) &&
    a.type === b.type &&
    a.mode === b.mode &&
    a.mtime.ns === b.mtime.ns &&
    a.atime.ns === b.atime.ns &&
    a.ctime.ns === b.ctime.ns &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.user === b.user &&
    a.group === b.group &&
    a.inode === b.inode &&
    a.deviceId === b.deviceId &&
    a.size === b.size &&
    a.links === b.links &&
    a.device === b.device &&
    sameBytes(a.linkTarget ?? NO_BYTES, b.linkTarget ?? NO_BYTES) &&
    sameXattrs(a.xattrs, b.xattrs) &&
    sameGeneric(a.genericAttributes, b.genericAttributes) &&
    (a.error ?? '') === (b.error ?? '')
  );
}

/** Returns whether two lists of blobs are equal; a list that is missing equals no other. */
export function sameContent(a: TreeNode['content'], b: TreeNode['content']): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

const NO_BYTES = new Uint8Array(0);

/** Order does not count: kernels list attributes in the order they like. */
function sameXattrs(a: readonly TreeXattr[], b: readonly TreeXattr[]): boolean {
  if (a.length !== b.length) return false;
  const values = new Map(a.map(({ name, value }) => [name, value]));
  return b.every(({ name, value }) => {
    const other = values.get(name);
    return other !== undefined && sameBytes(other, value);
  });
}

function sameGeneric(a: TreeNode['genericAttributes'], b: TreeNode['genericAttributes']): boolean {
  if ((a?.size ?? 0) !== (b?.size ?? 0)) return false;
  for (const [name, value] of a ?? []) {
    const other = b?.get(name);
    if (other === undefined || !sameBytes(value, other)) return false;
  }
  return true;
}
