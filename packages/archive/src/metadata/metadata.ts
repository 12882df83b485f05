/** What a restore puts on a path besides its content: the part of a tree node that POSIX calls can set. */
import { permissionsOf, type TreeNode } from '@hostark/repository';

export interface XattrValue {
  /** With its prefix (`user.`, `system.posix_acl_access`). */
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/** Facts of one path. Times are nanoseconds since 1970. */
export interface Metadata {
  readonly isSymlink: boolean;
  /** The low 12 bits of st_mode. */
  readonly permissions: number;
  readonly uid: number;
  readonly gid: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly xattrs: readonly XattrValue[];
}

/** Looks up ids by name; null when the name is not known here. */
export interface NameLookup {
  userId(name: string): number | null;
  groupId(name: string): number | null;
}

/**
 * Returns what a node says. With `byName` (restic's --ownership-by-name) owner and group are those of the same name on
 * this machine; where the name is empty or unknown, the numbers count. `selectXattr` leaves attributes out.
 */
export function metadataOf(
  node: TreeNode,
  byName: NameLookup | null,
  selectXattr: ((name: Uint8Array) => boolean) | undefined,
): Metadata {
  const { uid, gid } = owner(node, byName);
  const xattrs = xattrsOf(node);
  return {
    isSymlink: node.type === 'symlink',
    permissions: permissionsOf(node.mode),
    uid,
    gid,
    atimeNs: node.atime.ns,
    mtimeNs: node.mtime.ns,
    xattrs: selectXattr === undefined ? xattrs : xattrs.filter(({ name }) => selectXattr(name)),
  };
}

/** Most nodes have none: one array for all of them. */
const NO_XATTRS: readonly XattrValue[] = [];

function xattrsOf(node: TreeNode): readonly XattrValue[] {
  if (node.xattrs.length === 0) return NO_XATTRS;
  return node.xattrs.map(({ name, value }) => ({ name: Buffer.from(name), value }));
}

function owner(node: TreeNode, byName: NameLookup | null): { uid: number; gid: number } {
  if (byName === null) return node;
  const uid = node.user === '' ? null : byName.userId(node.user);
  const gid = node.group === '' ? null : byName.groupId(node.group);
  return { uid: uid ?? node.uid, gid: gid ?? node.gid };
}
