/** What a scan of a directory is told, asks for and reports. */
import type { Stat, Xattr } from '../posix/posix.ts';
import type { TreeHooks } from './tree-kernel.ts';

/** The names of one directory, ascending by bytes, a NUL after each; a scan moves on in them. */
export interface NameList {
  readonly bytes: Buffer;
  readonly count: number;
  /** Names passed, and their bytes. */
  passed: number;
  at: number;
}

/** What could not be learnt of an entry. Without its stat or its target it is left out; without attributes it has none. */
export interface ScanTrouble {
  readonly name: Uint8Array;
  readonly during: 'stat' | 'readlink' | 'xattrs';
  /** The errno string. */
  readonly code: string;
  readonly message: string;
}

/** How entries are treated; see NodeContext and ChangeRule of the archive package. */
export interface ScanRules {
  readonly withAtime: boolean;
  readonly ignoreCtime: boolean;
  readonly ignoreInode: boolean;
}

/** What a scan asks for what the kernel does not write itself; see TreeHooks. */
export interface ScanHooks extends Omit<TreeHooks, 'encodeNode'> {
  /** The fields that a link's target and attributes add to a node, each with the comma before it. */
  encodeExtras(target: Uint8Array | undefined, xattrs: readonly Xattr[]): Uint8Array;
  /** The whole node of an entry, without content, with a subtree of 64 zeros: for what is out of the ordinary. */
  encodeNode(name: Uint8Array, stat: Stat, target: Uint8Array | undefined, xattrs: readonly Xattr[]): Uint8Array;
}

/** A tree to compare with. */
export interface TreeText {
  readonly bytes: Uint8Array;
  /** Where the first node that the slices so far have not passed begins. */
  at: number;
}
