/**
 * What a tree holds: one node per directory entry. Format: restic `internal/data/node.go`.
 * Names, link targets and attribute values are bytes; 64-bit fields are bigints.
 */
import { type Instant, ZERO_INSTANT } from '../encoding/time.ts';
import type { BlobId } from '../ids.ts';

/** The node types that this format knows. Sockets are never stored by a backup, but may be read. */
export const NODE_TYPES = ['file', 'dir', 'symlink', 'dev', 'chardev', 'fifo', 'socket', 'irregular'] as const;

/** The type of a node. A tree written elsewhere may hold another word: `isNodeType` tells, checking names it. */
export type NodeType = (typeof NODE_TYPES)[number];

/** Returns whether `word` is a type that this format knows. */
export function isNodeType(word: string): word is NodeType {
  return (NODE_TYPES as readonly string[]).includes(word);
}

/** One extended attribute. `name` is text as Go's JSON stores it; use goText() for bytes from the kernel. */
export interface TreeXattr {
  readonly name: string;
  readonly value: Uint8Array;
}

/** One directory entry. Fields that a type does not have are '', 0n, [] or null: the encoder leaves them out. */
export interface TreeNode {
  /** The name, one path component: never empty, no slash. Decoded nodes may share memory with the tree's bytes. */
  readonly name: Uint8Array;
  readonly type: NodeType;
  /** Go FileMode bits, unsigned 32 bits; see mode.ts. */
  readonly mode: number;
  readonly mtime: Instant;
  readonly atime: Instant;
  readonly ctime: Instant;
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
  readonly inode: bigint;
  /** st_dev of the entry. */
  readonly deviceId: bigint;
  /** Bytes of content; files only. */
  readonly size: bigint;
  /** st_nlink; files, symlinks and devices. */
  readonly links: bigint;
  /** Symlinks only: the raw target. */
  readonly linkTarget?: Uint8Array | undefined;
  /** In the order the kernel lists them. */
  readonly xattrs: readonly TreeXattr[];
  /** Windows only: attribute name to raw JSON value. */
  readonly genericAttributes?: ReadonlyMap<string, Uint8Array> | undefined;
  /** st_rdev; devices only. */
  readonly device: bigint;
  /** The blobs of a file in order ([] for an empty one); null for everything that is no file. */
  readonly content: readonly BlobId[] | null;
  /** The tree of a directory; null for everything else. */
  readonly subtree: BlobId | null;
  /** Historical: why a node is incomplete. */
  readonly error?: string | undefined;
}

const NO_XATTRS: readonly TreeXattr[] = [];

/** Returns a node of a type with every other field empty; `fields` override. */
export function treeNode(
  name: Uint8Array,
  type: NodeType,
  fields: Partial<Omit<TreeNode, 'name' | 'type'>> = {},
): TreeNode {
  return {
    name,
    type,
    mode: 0,
    mtime: ZERO_INSTANT,
    atime: ZERO_INSTANT,
    ctime: ZERO_INSTANT,
    uid: 0,
    gid: 0,
    user: '',
    group: '',
    inode: 0n,
    deviceId: 0n,
    size: 0n,
    links: 0n,
    linkTarget: undefined,
    xattrs: NO_XATTRS,
    genericAttributes: undefined,
    device: 0n,
    content: type === 'file' ? [] : null,
    subtree: null,
    error: undefined,
    ...fields,
  };
}
