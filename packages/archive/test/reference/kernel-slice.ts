/**
 * One slice of a directory for the tree kernel, without a file system: rows of struct statx as a test likes them. Beside it
 * the slow, obvious way to the same tree: a node for each entry, and TreeWriter.
 */
import { MIN_CHUNK, posix, type Stat, TREE_HEAD, TREE_TAIL, type Xattr } from '@hostark/kernels';
import { encodeTree, type TreeNode, type ZoneOffset } from '@hostark/repository';
import { StatxView } from '../../../kernels/src/posix/statx.ts';
import * as at from '../../../kernels/src/trees/layout.ts';
import { TreeKernel } from '../../../kernels/src/trees/tree-kernel.ts';
import { scanHooks, ZERO_TREE } from '../../src/backup/node-text.ts';
import { entriesOf, PreviousTree } from '../../src/backup/parent-trees.ts';
import { type ChangeRule, isUnchanged, type NodeContext, nodeOf } from '../../src/walk/node.ts';

/** What the system says of an entry. */
export interface Found {
  readonly name: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly ino: bigint;
  readonly size: bigint;
  readonly atime: readonly [seconds: bigint, nanos: number];
  readonly mtime: readonly [seconds: bigint, nanos: number];
  readonly ctime: readonly [seconds: bigint, nanos: number];
  readonly rdev: readonly [major: number, minor: number];
  readonly dev: readonly [major: number, minor: number];
  readonly xattrs: readonly Xattr[];
  readonly target: Uint8Array | undefined;
}

const ROW_BYTES = 144;

export class KernelSlice {
  readonly #context: NodeContext;
  readonly #rule: ChangeRule;
  readonly #kernel: TreeKernel;
  readonly #hooks: ReturnType<typeof scanHooks>;
  #found: readonly Found[] = [];

  constructor(zone: ZoneOffset, withAtime: boolean, rule: ChangeRule) {
    this.#context = { posix: posix(), zone, withAtime };
    this.#rule = rule;
    this.#hooks = scanHooks(this.#context);
    this.#kernel = TreeKernel.create({
      ...this.#hooks,
      encodeNode: (entry) => {
        const { name, xattrs, target } = this.#found[entry]!;
        return this.#hooks.encodeNode(name, this.#stat(entry), target, xattrs);
      },
    })!;
  }

  /** Returns the tree that the kernel writes, or null if it refuses the parent's. */
  tree(found: readonly Found[], before: Uint8Array | null): Uint8Array | null {
    const kernel = this.#kernel;
    this.#found = found;
    kernel.reach(at.HEAP + 8 * 1024 * 1024);
    let free = this.#place(found);
    kernel.bytes.fill(0, at.WISH, at.WISH + found.length);
    const beforeAt = free + at.MARGIN;
    const text = before === null ? TREE_TAIL : before.subarray(TREE_HEAD.length);
    if (before !== null && Buffer.compare(before.subarray(0, TREE_HEAD.length), TREE_HEAD) !== 0) return null;
    kernel.bytes.set(text, beforeAt);
    kernel.bytes.fill(0, beforeAt + text.length, beforeAt + text.length + at.MARGIN);
    free = beforeAt + text.length + 2 * at.MARGIN;
    const out = free + text.length + 2 * at.MARGIN;
    kernel.spare = 1024 * 1024;
    if (kernel.checkBefore(beforeAt, free) !== 0) return null;
    const tail = kernel.bytes.subarray(kernel.passed(), beforeAt + text.length);
    if (Buffer.compare(tail, TREE_TAIL) !== 0 && Buffer.compare(tail, TREE_TAIL.subarray(0, 2)) !== 0) return null;
    const flags =
      (this.#context.withAtime ? at.FLAG_ATIME : 0) |
      (this.#rule.ignoreCtime ? at.FLAG_IGNORE_CTIME : 0) |
      (this.#rule.ignoreInode ? at.FLAG_IGNORE_INODE : 0);
    if (kernel.run(found.length, beforeAt, free, out, flags) !== 0) return null;
    const end = kernel.words[(at.NODE_AT >> 2) + found.length]!;
    const nodes = kernel.bytes.subarray(out, Math.max(out, end - 1));
    return Buffer.concat([TREE_HEAD, nodes, TREE_TAIL]);
  }

  /** The same, with nodes; zeros stand for the id of a small new file. `found` must be the entries given last. Throws SyntaxError for a parent that is no tree. */
  slowTree(found: readonly Found[], before: Uint8Array | null): Uint8Array {
    const rethrow = (error: unknown): never => {
      throw error;
    };
    const parents = entriesOf(before === null ? null : new PreviousTree(ZERO_TREE, before, false), rethrow);
    const nodes: TreeNode[] = [];
    found.forEach(({ name, xattrs, target }, i) => {
      const stat = this.#stat(i);
      const node = nodeOf(name, stat, xattrs, target, this.#context);
      if (node.type === 'socket') return;
      const parent = parents.find(name);
      if (node.type === 'dir') node.subtree = (parent?.type === 'dir' ? parent.subtree : null) ?? ZERO_TREE;
      if (node.type === 'file' && parent !== null && isUnchanged(stat, parent, this.#rule)) {
        node.content = parent.content ?? [];
      } else if (node.type === 'file' && parent === null && stat.size > 0n && stat.size < MIN_CHUNK) {
        node.content = [ZERO_TREE];
      }
      nodes.push(node);
    });
    return encodeTree(nodes);
  }

  #stat(entry: number): Stat {
    return new StatxView(new DataView(this.#kernel.bytes.buffer), at.ROWS + entry * ROW_BYTES);
  }

  /** Writes names, rows and extra fields; returns the end of what is used. */
  #place(found: readonly Found[]): number {
    const { bytes, words } = this.#kernel;
    let free = at.HEAP;
    found.forEach((entry, i) => {
      const view = new DataView(bytes.buffer, at.ROWS + i * ROW_BYTES, ROW_BYTES);
      view.setUint32(16, entry.nlink, true);
      view.setUint32(20, entry.uid, true);
      view.setUint32(24, entry.gid, true);
      view.setUint16(28, entry.mode, true);
      view.setBigUint64(32, entry.ino, true);
      view.setBigUint64(40, entry.size, true);
      for (const [field, [seconds, nanos]] of [
        [64, entry.atime],
        [96, entry.ctime],
        [112, entry.mtime],
      ] as const) {
        view.setBigInt64(field, seconds, true);
        view.setUint32(field + 8, nanos, true);
      }
      for (const [field, [major, minor]] of [
        [128, entry.rdev],
        [136, entry.dev],
      ] as const) {
        view.setUint32(field, major, true);
        view.setUint32(field + 4, minor, true);
      }
      words[(at.NAME_AT >> 2) + i] = free;
      bytes.set(entry.name, free);
      bytes[free + entry.name.length] = 0;
      free += entry.name.length + 1;
      const extra = this.#hooks.encodeExtras(entry.target, entry.xattrs);
      words[(at.EXTRA_AT >> 2) + i] = free;
      words[(at.EXTRA_LENGTH >> 2) + i] = extra.length;
      bytes.set(extra, free);
      free += extra.length + at.MARGIN;
    });
    return free;
  }
}
