/**
 * Walks the targets in restic's order and turns what it finds into nodes: unchanged files take their content from the
 * parent, others go to the file queue, directories become folders. The walk never waits for a file, only for room.
 * Directories go through slice-walk.ts where that can be; what is here is the plain way, with a node for every entry.
 */
import type { Posix, Stat, StatBatch, Xattr, XattrBatch } from '@hostark/kernels';
import { type BlobId, type BlobTable, idBytes, nodeTypeOf, type TreeNode } from '@hostark/repository';
import type { Exclusion, FolderRules } from '../walk/exclusion.ts';
import { type ChangeRule, isUnchanged, type MutableNode, type NodeContext, nodeOf } from '../walk/node.ts';
import { absolutePath, baseName, joinPath, type Location, parentPath, pathOf } from '../walk/paths.ts';
import type { TargetNode } from '../walk/targets.ts';
import type { FileOutcome } from './file-outcome.ts';
import type { FileQueue } from './file-queue.ts';
import { Folder, type FolderPlace, type SaveTree } from './folder.ts';
import { entriesOf, type ParentTrees, type PreviousFolder, type PreviousTree } from './parent-trees.ts';
import type { Reporter } from './reporter.ts';
import { type OpenFolder, SliceWalk } from './slice-walk.ts';
import type { SummaryCounter } from './summary.ts';

/** Names whose stats and attributes are asked for at once. */
const SLICE = 1024;
/** The walk lets other work on this thread have its turn this often. */
const TURN_MS = 4;

const NO_XATTRS: readonly Xattr[] = [];
const EMPTY = new Uint8Array(0);

export interface WalkParts {
  readonly workingDirectory: Uint8Array;
  readonly nodes: NodeContext;
  readonly exclusion: Exclusion;
  readonly change: ChangeRule;
  readonly blobs: BlobTable;
  readonly parents: ParentTrees;
  readonly queue: FileQueue;
  readonly summary: SummaryCounter;
  readonly reporter: Reporter;
  /** Rejects or throws when the backup must end; resolves when there is room for more work. */
  readonly room: () => Promise<void> | null;
  readonly save: SaveTree;
}

/** One entry as the walk found it. */
interface Entry extends Location {
  /** In the snapshot. */
  readonly name: Uint8Array;
  readonly stat: Stat;
  readonly xattrs: readonly Xattr[];
}

export class Walker {
  readonly #parts: WalkParts;
  readonly #posix: Posix;
  /** Null where the plain way is the only one. */
  readonly #slices: SliceWalk | null;
  #turnEndsMs = 0;

  /** `plain` keeps to the plain way: a node for every entry. */
  constructor(parts: WalkParts, plain = false) {
    this.#parts = parts;
    this.#posix = parts.nodes.posix;
    this.#slices = plain
      ? null
      : SliceWalk.create(parts, {
          descend: (path, place, subtree, rules) => this.#descend(path, place, subtree, rules),
          takeTurns: () => this.#takeTurns(),
        });
  }

  /**
   * Walks everything below `top` into the root folder, and returns when all entries are found, not when all are read.
   * `finish` is told the root's tree.
   */
  async walk(top: TargetNode, previous: PreviousFolder, finish: FolderPlace['finish']): Promise<void> {
    const root = new Folder({ parent: null, name: EMPTY, finish }, this.#parts.save);
    await this.#targets(top, root, previous);
    root.end();
  }

  async #targets(target: TargetNode, folder: Folder, previous: PreviousFolder): Promise<void> {
    for (const [name, child] of target.children ?? []) {
      await this.#takeTurns();
      const before = previous.find(name);
      if (child.children === null) await this.#leaf(child, name, folder, before);
      else await this.#intermediate(child, name, folder, before);
    }
  }

  /** A directory above targets: its own metadata, by a stat that follows links, and nothing but the targets below. */
  async #intermediate(target: TargetNode, name: Buffer, folder: Folder, before: TreeNode | null): Promise<void> {
    const path = this.#absolute(target.metadataPath ?? target.path ?? name);
    let node: MutableNode;
    try {
      const stat = this.#posix.stat(path);
      node = nodeOf(name, stat, this.#quietXattrs(path), undefined, this.#parts.nodes);
      if (node.type !== 'dir') throw new Error('expected a directory');
    } catch (error) {
      this.#parts.reporter.error(path, 'stat', messageOf(error));
      return;
    }
    const child = new Folder(this.#placeIn(folder, node, before), this.#parts.save);
    const tree = await this.#treeOf(subtreeOf(before), path);
    await this.#targets(target, child, entriesOf(tree, this.#damaged(path)));
    child.end();
  }

  /** Makes a place for a directory. */
  #placeIn(folder: Folder, node: MutableNode, before: TreeNode | null): FolderPlace {
    const { reporter, summary } = this.#parts;
    const slot = folder.reserve();
    return {
      parent: folder,
      name: node.name,
      finish: (tree) => {
        node.subtree = tree;
        reporter.item(() => folder.item(node.name), summary.dir(node, before), 0n);
        folder.fill(slot, node);
      },
    };
  }

  async #leaf(target: TargetNode, name: Buffer, folder: Folder, before: TreeNode | null): Promise<void> {
    const path = this.#absolute(target.path!);
    const { exclusion } = this.#parts;
    if (!target.explicit && exclusion.rejectsEntry(parentPath(path), baseName(path))) return;
    let stat: Stat;
    try {
      stat = this.#posix.lstat(path);
    } catch (error) {
      this.#lost(path, 'stat', error);
      return;
    }
    const rules = exclusion.atTarget(path, stat);
    if (!target.explicit && exclusion.rejectsStat(stat, rules)) return;
    const xattrs = this.#xattrs(path);
    const location = { directory: parentPath(path), base: baseName(path) };
    await this.#entry({ name, ...location, stat, xattrs }, folder, before, rules);
  }

  async #entry(entry: Entry, folder: Folder, before: TreeNode | null, rules: FolderRules): Promise<void> {
    const type = nodeTypeOf(entry.stat.mode);
    if (type === 'socket') return;
    if (type === 'file') this.#file(entry, folder, before);
    else if (type === 'dir') await this.#directory(entry, folder, before, rules);
    else this.#other(entry, folder);
  }

  #other(entry: Entry, folder: Folder): void {
    let target: Uint8Array | undefined;
    if (nodeTypeOf(entry.stat.mode) === 'symlink') {
      try {
        target = this.#posix.readLink(pathOf(entry));
      } catch (error) {
        this.#lost(pathOf(entry), 'readlink', error);
        return;
      }
    }
    folder.add(nodeOf(entry.name, entry.stat, entry.xattrs, target, this.#parts.nodes));
  }

  #file(entry: Entry, folder: Folder, before: TreeNode | null): void {
    const { reporter, summary } = this.#parts;
    if (before !== null && isUnchanged(entry.stat, before, this.#parts.change)) {
      if (this.#hasContent(before)) {
        const node = nodeOf(entry.name, entry.stat, entry.xattrs, undefined, this.#parts.nodes);
        node.content = before.content;
        summary.reusedFile(before.size);
        reporter.item(() => folder.item(entry.name), 'unchanged', 0n);
        folder.add(node);
        return;
      }
      const problem = 'parts of the file are not in the repository index; storing it again';
      reporter.error(pathOf(entry), 'parent', problem);
    }
    const slot = folder.reserve();
    this.#parts.queue.add({
      directory: entry.directory,
      base: entry.base,
      stat: entry.stat,
      done: (outcome) => folder.fill(slot, this.#saved(entry, outcome, before, folder)),
    });
  }

  /** Returns the node of a file that was read, or null if it is left out. */
  #saved(entry: Entry, outcome: FileOutcome, before: TreeNode | null, folder: Folder): TreeNode | null {
    const { reporter, summary } = this.#parts;
    if (outcome.kind === 'stopped') return null;
    if (outcome.kind === 'vanished') {
      reporter.error(pathOf(entry), 'open', 'vanished before it could be read');
      return null;
    }
    if (outcome.kind === 'failed') {
      reporter.error(pathOf(entry), outcome.during, outcome.message);
      return null;
    }
    const node = nodeOf(entry.name, outcome.fresh ?? entry.stat, entry.xattrs, undefined, this.#parts.nodes);
    node.size = BigInt(outcome.size);
    node.content = outcome.content;
    if (outcome.changed) reporter.error(pathOf(entry), 'read', 'changed while it was read; saved as read');
    reporter.item(() => folder.item(entry.name), summary.file(node, before), node.size);
    reporter.working(entry);
    reporter.tick();
    return node;
  }

  /** An empty file has no content to miss. A null content is not to be believed. */
  #hasContent(node: TreeNode): boolean {
    if (node.content === null) return false;
    return node.content.every((id) => this.#parts.blobs.has('data', idBytes(id)));
  }

  async #directory(entry: Entry, folder: Folder, before: TreeNode | null, rules: FolderRules): Promise<void> {
    const place = (): FolderPlace => {
      const node = nodeOf(entry.name, entry.stat, entry.xattrs, undefined, this.#parts.nodes);
      return this.#placeIn(folder, node, before);
    };
    await this.#descend(pathOf(entry), place, subtreeOf(before), rules);
  }

  /** Walks a directory. Returns false, without asking for the place, if it cannot be read. */
  async #descend(
    path: Uint8Array,
    place: () => FolderPlace,
    subtree: BlobId | null,
    rules: FolderRules,
  ): Promise<boolean> {
    this.#parts.reporter.working({ directory: parentPath(path), base: baseName(path) });
    const listing = this.#list(path);
    if (listing === null) return false;
    try {
      const there = place();
      const tree = await this.#treeOf(subtree, path);
      const done = listing.open !== null && (await this.#slices!.walk(listing.open, path, there, tree, rules));
      if (!done) await this.#plainly(path, listing.names(), there, tree, rules);
    } finally {
      listing.open?.close();
    }
    return true;
  }

  #list(path: Uint8Array): { readonly open: OpenFolder | null; readonly names: () => readonly Uint8Array[] } | null {
    try {
      if (this.#slices !== null) {
        const open = this.#slices.open(path);
        return { open, names: () => open.list() };
      }
      const { names } = this.#posix.readDirectory(path);
      return { open: null, names: () => names };
    } catch (error) {
      this.#lost(path, 'readdir', error);
      return null;
    }
  }

  /** The plain way through a directory: a node for every entry. */
  async #plainly(
    path: Uint8Array,
    names: readonly Uint8Array[],
    place: FolderPlace,
    tree: PreviousTree | null,
    rules: FolderRules,
  ): Promise<void> {
    const folder = new Folder(place, this.#parts.save);
    const previous = entriesOf(tree, this.#damaged(path));
    // A directory that changes while it is listed may show a name twice; a tree must not.
    const once = names.filter((name, i) => i === 0 || Buffer.compare(names[i - 1]!, name) !== 0);
    const kept = this.#parts.exclusion.keepNames(path, once, rules);
    for (let from = 0; from < kept.length; from += SLICE) {
      await this.#slice(path, kept.slice(from, from + SLICE), folder, previous, rules);
    }
    folder.end();
  }

  async #slice(
    directory: Uint8Array,
    names: readonly Uint8Array[],
    folder: Folder,
    previous: PreviousFolder,
    rules: FolderRules,
  ): Promise<void> {
    const { exclusion } = this.#parts;
    let batch: { readonly stats: StatBatch; readonly xattrs: XattrBatch };
    try {
      batch = {
        stats: this.#posix.lstatBatch(directory, names),
        xattrs: this.#posix.listXattrsBatch(directory, names),
      };
    } catch (error) {
      this.#parts.reporter.error(directory, 'stat', messageOf(error));
      return;
    }
    const { stats, xattrs } = batch;
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      const code = stats.code(i);
      if (code !== null) {
        this.#lostCode(joinPath(directory, name), 'stat', code, code);
        continue;
      }
      const stat = stats.stat(i);
      if (exclusion.rejectsStat(stat, rules)) continue;
      const entry = { name, directory, base: name, stat, xattrs: this.#batchXattrs(xattrs, i, directory, name) };
      const isDirectory = nodeTypeOf(stat.mode) === 'dir';
      await this.#entry(entry, folder, previous.find(name), isDirectory ? exclusion.below(rules, name, stat) : rules);
      if ((i & 63) === 63) await this.#takeTurns();
    }
    await this.#takeTurns();
  }

  /** Returns the parent's tree of a directory. One that cannot be read is reported; the directory's files are read again. */
  async #treeOf(subtree: BlobId | null, path: Uint8Array): Promise<PreviousTree | null> {
    if (subtree === null) return null;
    try {
      return await this.#parts.parents.load(subtree);
    } catch (error) {
      this.#damaged(path)(error);
      return null;
    }
  }

  #damaged(path: Uint8Array): (error: unknown) => void {
    return (error) => this.#parts.reporter.error(path, 'parent', messageOf(error));
  }

  #xattrs(path: Uint8Array): readonly Xattr[] {
    try {
      return this.#posix.listXattrs(path);
    } catch (error) {
      this.#parts.reporter.error(path, 'xattrs', `saved without extended attributes: ${messageOf(error)}`);
      return NO_XATTRS;
    }
  }

  /** Above targets, attributes that may not be listed are nobody's concern (restic does the same). */
  #quietXattrs(path: Uint8Array): readonly Xattr[] {
    try {
      return this.#posix.listXattrs(path, false);
    } catch {
      return NO_XATTRS;
    }
  }

  #batchXattrs(batch: XattrBatch, i: number, directory: Uint8Array, name: Uint8Array): readonly Xattr[] {
    const code = batch.code(i);
    if (code === null) return batch.xattrs(i);
    if (code !== 'ENOENT')
      this.#parts.reporter.error(joinPath(directory, name), 'xattrs', `saved without extended attributes: ${code}`);
    return NO_XATTRS;
  }

  #lost(path: Uint8Array, during: string, error: unknown): void {
    this.#lostCode(path, during, (error as { code?: string }).code ?? '', messageOf(error));
  }

  #lostCode(path: Uint8Array, during: string, code: string, message: string): void {
    this.#parts.reporter.error(path, during, code === 'ENOENT' ? 'vanished before it could be read' : message);
  }

  #absolute(path: Uint8Array): Buffer {
    return absolutePath(path, this.#parts.workingDirectory);
  }

  async #takeTurns(): Promise<void> {
    const room = this.#parts.room();
    if (room !== null) await room;
    const now = performance.now();
    if (now < this.#turnEndsMs) return;
    this.#parts.reporter.tick(now);
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#turnEndsMs = performance.now() + TURN_MS;
  }
}

function subtreeOf(before: TreeNode | null): BlobId | null {
  return before?.type === 'dir' ? before.subtree : null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
