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
