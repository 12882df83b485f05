/**
 * Directories through the tree kernel, a slice of entries at a time: what is unchanged costs no object and no thought here.
 * Small new files of a slice come first, straight from the kernel's memory; other files to be read and directories below
 * are taken up in order of their names, as the plain way has it.
 */
import {
  ENTRY,
  FolderScan,
  isFramed,
  type NameList,
  type ScanTrouble,
  SLICE,
  type Stat,
  TREE_HEAD,
  type Xattr,
} from '@hostark/kernels';
import { type BlobId, sameNode } from '@hostark/repository';
import type { FolderRules } from '../walk/exclusion.ts';
import { type MutableNode, nodeOf } from '../walk/node.ts';
import { joinPath } from '../walk/paths.ts';
import type { FileOutcome } from './file-outcome.ts';
import type { FolderPlace } from './folder.ts';
import { nodeOfText, scanHooks, ZERO_TREE } from './node-text.ts';
import type { PreviousTree } from './parent-trees.ts';
import { SliceFiles } from './slice-files.ts';
import type { Change } from './summary.ts';
import { TextFolder } from './text-folder.ts';
import type { WalkParts } from './walker.ts';

/** Entries handled before other work on this thread may have its turn. */
const ENTRIES_A_TURN = 64;
/** From the end of a directory's node, its comma included, back to the first digit of its tree. */
const TREE_FROM_END = 67;

/** What the walk does for its directories. */
export interface WalkSteps {
  /** See Walker. */
  readonly descend: (
    path: Uint8Array,
    place: () => FolderPlace,
    subtree: BlobId | null,
    rules: FolderRules,
  ) => Promise<boolean>;
  readonly takeTurns: () => Promise<void>;
}

/** A directory whose names were read. Closed while directories below it are walked. */
export class OpenFolder {
  readonly path: Uint8Array;
  readonly names: NameList;
  readonly #scan: FolderScan;
  #fd: number | null;

  /** Throws what the system says. */
  constructor(scan: FolderScan, path: Uint8Array) {
    this.path = path;
    this.#scan = scan;
    this.#fd = scan.open(path);
    try {
      this.names = scan.names(this.#fd, path);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get fd(): number {
    this.#fd ??= this.#scan.open(this.path);
    return this.#fd;
  }

  close(): void {
    if (this.#fd !== null) this.#scan.close(this.#fd);
    this.#fd = null;
  }

  /** Returns all names, views of one buffer. */
  list(): readonly Uint8Array[] {
    return unpack(this.names);
  }
}

/** A slice in its folder. */
interface Added {
  readonly folder: TextFolder;
  readonly number: number;
  readonly path: Uint8Array;
}

/** An entry that the kernel leaves to the walk. */
interface Todo {
  readonly name: Buffer;
  readonly status: number;
  readonly stat: Stat;
  readonly xattrs: readonly Xattr[];
  /** Where its node lies in the slice, the comma included. */
  readonly from: number;
  readonly to: number;
  /** The node, for a directory that the parent has but otherwise. */
  readonly node: Buffer | null;
  /** The parent's node. */
  readonly before: Buffer | null;
  /** The digits that stand for a directory's tree. */
  readonly subtree: string;
}

export class SliceWalk {
  readonly #parts: WalkParts;
  readonly #steps: WalkSteps;
  readonly #scan: FolderScan;
  readonly #has: (bytes: Uint8Array, at: number) => boolean;

  private constructor(parts: WalkParts, steps: WalkSteps, scan: FolderScan) {
    this.#parts = parts;
    this.#steps = steps;
    this.#scan = scan;
    this.#has = (bytes, at) => parts.blobs.has('data', bytes, at);
  }

  /** Returns null where the kernel or the native calls are missing. */
  static create(parts: WalkParts, steps: WalkSteps): SliceWalk | null {
    const { withAtime } = parts.nodes;
    if (!parts.nodes.posix.native) return null;
    const scan = FolderScan.create(scanHooks(parts.nodes), { withAtime, ...parts.change });
    return scan === null ? null : new SliceWalk(parts, steps, scan);
  }

  open(path: Uint8Array): OpenFolder {
    return new OpenFolder(this.#scan, path);
  }

  /** Walks a directory. Returns false, and has done nothing, if the parent's tree is one for the plain way. */
  async walk(
    open: OpenFolder,
    path: Uint8Array,
    place: FolderPlace,
    tree: PreviousTree | null,
    rules: FolderRules,
  ): Promise<boolean> {
    const scan = this.#scan;
    const names = this.#keepNames(open, path, rules);
    // The first slice tells for itself whether it can be done; with more of them that must be known before.
    if (tree !== null && !isFramed(tree.bytes)) return false;
    if (tree !== null && names.count > SLICE && !scan.canRead(tree.bytes)) return false;
    if (names.count > SLICE) tree?.keep();
    const folder = new TextFolder(place, tree, this.#parts.save);
    const before = tree === null ? null : { bytes: tree.bytes, at: TREE_HEAD.length };
    for (let number = 0; names.passed < names.count; number++) {
      const troubles: ScanTrouble[] = [];
      const fd = this.#fdOf(open);
      if (fd === null) break;
      const count = scan.scan(fd, path, names, troubles);
      open.close();
      if (this.#parts.exclusion.judgesStats) this.#judgeStats(count, rules);
      if (!scan.write(before, this.#has)) {
        if (number === 0) return false;
        throw new Error('a tree that could be read no longer can');
      }
      for (const trouble of troubles) this.#report(trouble, path);
      await this.#takeUp(folder, tree, path, rules);
      await this.#steps.takeTurns();
    }
    folder.end();
    return true;
  }

  /** Names that patterns or tag files leave out are left out before anything is asked of them. */
  #keepNames(open: OpenFolder, path: Uint8Array, rules: FolderRules): NameList {
    const { exclusion } = this.#parts;
    if (!exclusion.judgesNames) return open.names;
    const all = open.list();
    const kept = exclusion.keepNames(path, all, rules);
    return kept.length === all.length ? open.names : pack(kept);
  }

  #fdOf(open: OpenFolder): number | null {
    try {
      return open.fd;
    } catch (error) {
      this.#parts.reporter.error(open.path, 'stat', error instanceof Error ? error.message : String(error));
      return null;
    }
  }

  #judgeStats(count: number, rules: FolderRules): void {
    const stats = this.#scan.stats();
    for (let i = 0; i < count; i++) {
      if (!this.#scan.isLeftOut(i) && this.#parts.exclusion.rejectsStat(stats(i), rules)) this.#scan.leaveOut(i);
    }
  }

  #report({ name, during, code, message }: ScanTrouble, path: Uint8Array): void {
    const { reporter } = this.#parts;
    const vanished = code === 'ENOENT';
    const item = joinPath(path, name);
    if (during === 'xattrs') {
      if (!vanished) reporter.error(item, during, `saved without extended attributes: ${code}`);
      return;
    }
    reporter.error(item, during, vanished ? 'vanished before it could be read' : during === 'stat' ? code : message);
  }

  /** Adds the slice that was written to its folder and takes up what is left to do for its entries. */
  async #takeUp(folder: TextFolder, tree: PreviousTree | null, path: Uint8Array, rules: FolderRules): Promise<void> {
    const { exclusion, reporter, summary } = this.#parts;
    const { takenOver } = this.#scan;
    summary.reusedFiles(takenOver.files, takenOver.bytes);
    const { entries, newFiles, todos } = this.#gather();
    if (reporter.verbose) this.#tellUnchanged(folder);
    const number = folder.add(this.#scan.text(), entries, newFiles + todos.length);
    const files = new SliceFiles(this.#parts, folder, number, path);
    if (newFiles > 0) this.#parts.queue.addNewSmallFiles(this.#scan, files);
    // The kernel and the parent's trees may be at other directories from here on.
    if (newFiles + todos.length > 0) tree?.keep();
    const added = { folder, path, number };
    let handled = 0;
    for (const todo of todos) {
      if (todo.status === ENTRY.directory || todo.status === ENTRY.sameDirectory) {
        const below = exclusion.below(rules, todo.name, todo.stat);
        await this.#directory(todo, added, below);
      } else this.#file(todo, files, path);
      if (++handled % ENTRIES_A_TURN === 0) await this.#steps.takeTurns();
    }
  }

  /** Small new files go without an object each, unless somebody wants to know of each. */
  #gather(): { readonly entries: number; readonly newFiles: number; readonly todos: readonly Todo[] } {
    const scan = this.#scan;
    const { verbose } = this.#parts.reporter;
    const statuses = scan.statuses();
    const todos: Todo[] = [];
    let stats: ((entry: number) => Stat) | null = null;
    let entries = 0;
    let newFiles = 0;
    for (let i = 0; i < statuses.length; i++) {
      const status = statuses[i]!;
      if (status !== ENTRY.leftOut) entries++;
      if (status <= ENTRY.takenOver) continue;
      if (status === ENTRY.newSmall && !verbose) {
        newFiles++;
        continue;
      }
      stats ??= scan.stats();
      todos.push(this.#todo(i, status, stats(i)));
    }
    return { entries, newFiles, todos };
  }

  #todo(entry: number, status: number, stat: Stat): Todo {
    const scan = this.#scan;
    const from = scan.nodeAt(entry);
    const to = scan.nodeAt(entry + 1);
    const before = scan.before(entry);
    const text = scan.text();
    const treeAt = to - TREE_FROM_END;
    return {
      name: scan.name(entry),
      status,
      stat,
      xattrs: scan.xattrs(entry),
      from,
      to,
      node: status === ENTRY.directory && before !== null ? Buffer.from(text.subarray(from, to - 1)) : null,
      before,
      subtree: status >= ENTRY.directory ? text.toString('latin1', treeAt, treeAt + ZERO_TREE.length) : '',
    };
  }

  #tellUnchanged(folder: TextFolder): void {
    this.#scan.statuses().forEach((status, i) => {
      if (status !== ENTRY.takenOver) return;
      const name = this.#scan.name(i);
      this.#parts.reporter.item(() => folder.item(name), 'unchanged', 0n);
    });
  }

  async #directory(todo: Todo, added: Added, rules: FolderRules): Promise<void> {
    const { folder, number, path } = added;
    const { name, from, to } = todo;
    const known = todo.subtree === ZERO_TREE ? null : (todo.subtree as BlobId);
    const place = (): FolderPlace => ({
      parent: folder,
      name,
      finish: (tree) => {
        const { reporter, summary } = this.#parts;
        reporter.item(() => folder.item(name), summary.changedDir(directoryChange(todo, tree)), 0n);
        folder.fillTree(number, to - TREE_FROM_END, tree, todo.subtree);
      },
    });
    if (!(await this.#steps.descend(joinPath(path, name), place, known, rules))) folder.drop(number, from, to);
  }

  #file(todo: Todo, files: SliceFiles, path: Uint8Array): void {
    const { name, status, stat, from, to, before } = todo;
    if (status === ENTRY.contentLost) {
      const problem = 'parts of the file are not in the repository index; storing it again';
      this.#parts.reporter.error(joinPath(path, name), 'parent', problem);
    }
    const size = Number(stat.size);
    const place = { from, to, holdsId: status === ENTRY.newSmall && size > 0 };
    const seen = (): MutableNode => nodeOf(name, stat, todo.xattrs, undefined, this.#parts.nodes);
    const done = (outcome: FileOutcome): void => files.fileDone(outcome, name, place, size, seen, before);
    this.#parts.queue.add({ directory: path, base: name, stat, done });
  }
}

/** How a directory relates to the parent's, now that its tree is known. */
function directoryChange({ status, node, before, subtree }: Todo, tree: BlobId): Change {
  if (before === null) return 'new';
  if (tree !== subtree) return 'changed';
  if (status === ENTRY.sameDirectory || node === null) return 'unchanged';
  return sameNode(nodeOfText(node), nodeOfText(before)) ? 'unchanged' : 'changed';
}

function unpack({ bytes, count }: NameList): readonly Uint8Array[] {
  const names: Uint8Array[] = [];
  for (let from = 0; names.length < count; ) {
    const end = bytes.indexOf(0, from);
    names.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return names;
}

function pack(names: readonly Uint8Array[]): NameList {
  const ended = names.flatMap((name) => [name, NUL]);
  return { bytes: Buffer.concat(ended), count: names.length, passed: 0, at: 0 };
}

const NUL = Buffer.from([0]);
