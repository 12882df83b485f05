/**
 * From what the system says about an entry to the node that the snapshot stores (restic internal/fs/node.go):
 * all metadata, without content. Pure but for the lookups of names, attributes and link targets it is given.
 */
import type { Posix, Stat, Xattr } from '@hostark/kernels';
import {
  goMode,
  goText,
  type Instant,
  localInstant,
  type NodeType,
  nodeTypeOf,
  type TreeNode,
  type TreeXattr,
  type ZoneOffset,
} from '@hostark/repository';

/** What is the same for all nodes of a backup. */
export interface NodeContext {
  readonly posix: Posix;
  readonly zone: ZoneOffset;
  /** Store the access time; else it is written equal to the modification time, so that reading changes nothing. */
  readonly withAtime: boolean;
}

/** A node whose `content`, `size` and `subtree` its owner still fills in. */
export type MutableNode = { -readonly [K in keyof TreeNode]: TreeNode[K] };

const NO_XATTRS: readonly TreeXattr[] = [];

/** Returns the node of an entry. `linkTarget` for symbolic links; `xattrs` in kernel order. Name and target are kept. */
export function nodeOf(
  name: Uint8Array,
  stat: Stat,
  xattrs: readonly Xattr[],
  linkTarget: Uint8Array | undefined,
  context: NodeContext,
): MutableNode {
  const type = nodeTypeOf(stat.mode);
  const mtime = instantOf(stat.mtimeNs, context.zone);
  return {
    name,
    type,
    mode: goMode(stat.mode),
    mtime,
    atime: context.withAtime ? instantOf(stat.atimeNs, context.zone) : mtime,
    ctime: stat.ctimeNs === stat.mtimeNs ? mtime : instantOf(stat.ctimeNs, context.zone),
    uid: stat.uid,
    gid: stat.gid,
    user: context.posix.userName(stat.uid),
    group: context.posix.groupName(stat.gid),
    inode: stat.ino,
    deviceId: stat.dev,
    size: type === 'file' ? stat.size : 0n,
    links: hasLinkCount(type) ? stat.nlink : 0n,
    linkTarget,
    xattrs: xattrs.length === 0 ? NO_XATTRS : xattrs.map(({ name: key, value }) => ({ name: goText(key), value })),
    genericAttributes: undefined,
    device: type === 'dev' || type === 'chardev' ? stat.rdev : 0n,
    content: type === 'file' ? [] : null,
    subtree: null,
    error: undefined,
  };
}

/** restic stores st_nlink for these types alone. */
function hasLinkCount(type: NodeType): boolean {
  return type === 'file' || type === 'symlink' || type === 'dev' || type === 'chardev';
}

function instantOf(ns: bigint, zone: ZoneOffset): Instant {
  return localInstant(ns, zone);
}

/** restic's Node.Equals: the same entry with the same metadata and content. Time zones do not count. */
export function sameNode(a: TreeNode, b: TreeNode): boolean {
  return (
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
    a.subtree === b.subtree &&
    (a.error ?? '') === (b.error ?? '') &&
    Buffer.compare(a.name, b.name) === 0 &&
    sameBytes(a.linkTarget, b.linkTarget) &&
    sameContent(a.content, b.content) &&
    sameXattrs(a.xattrs, b.xattrs)
  );
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return Buffer.compare(a ?? Buffer.alloc(0), b ?? Buffer.alloc(0)) === 0;
}

function sameContent(a: readonly string[] | null, b: readonly string[] | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

/** Order does not count: kernels list attributes in the order they like. */
function sameXattrs(a: readonly TreeXattr[], b: readonly TreeXattr[]): boolean {
  if (a.length !== b.length) return false;
  if (a.length === 0) return true;
  const values = new Map(b.map(({ name, value }) => [name, value]));
  return a.every(({ name, value }) => {
    const other = values.get(name);
    return other !== undefined && Buffer.compare(value, other) === 0;
  });
}

/** What decides whether a file must be read again (restic `fileChanged`). */
export interface ChangeRule {
  readonly ignoreInode: boolean;
  /** Implied by ignoreInode. */
  readonly ignoreCtime: boolean;
}

/** Returns true if the file is, by its facts, the one that `previous` describes, so that its content can be taken over. */
export function isUnchanged(stat: Stat, previous: TreeNode, rule: ChangeRule): boolean {
  return (
    previous.type === 'file' &&
    previous.size === stat.size &&
    previous.mtime.ns === stat.mtimeNs &&
    (rule.ignoreCtime || rule.ignoreInode || previous.ctime.ns === stat.ctimeNs) &&
    (rule.ignoreInode || previous.inode === stat.ino)
  );
}
