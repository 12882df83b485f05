/**
 * Goes through the snapshot's trees in order and turns every selected node into work: folders are made at once, links
 * and devices too, files are gathered into batches. Items that cannot be restored are reported and passed over.
 */

import type { Stat, StatBatch } from '@hostark/kernels';
import type { BlobId, TreeNode } from '@hostark/repository';
import type { FilterScope } from '../select/filter.ts';
import { joinPath, pathBytes, printablePath } from '../walk/paths.ts';
import { Batch } from './batch.ts';
import type { RestoreContext } from './context.ts';
import { decideExisting, type Existing } from './existing.ts';
import { FileTask } from './file-task.ts';
import { refuseName } from './safe-name.ts';
import { contentKey, type LinkHead, LinkHeads, makeSpecial } from './special.ts';
import { removeSurplus } from './surplus.ts';
import { clearPath, type TargetFolder } from './target-folder.ts';

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/** Batches at once: enough that requests to S3 never pause between two; each holds the nodes of its files. */
const MAX_RUNNING = 3;

export class RestoreWalk {
  readonly #context: RestoreContext;
  readonly #links = new LinkHeads();
  #batch = new Batch();
  /** Under way, oldest first: each ends after the one before it. */
  readonly #running: Promise<void>[] = [];
  /** Off once a tree or a name could not be trusted: then what looks surplus may be what could not be read. */
  #mayDelete: boolean;

  constructor(context: RestoreContext) {
    this.#context = context;
    this.#mayDelete = context.delete;
  }

  /** Restores `tree` into `folder`, all of it. */
  async run(tree: BlobId, folder: TargetFolder, scope: FilterScope): Promise<void> {
    try {
      await this.#folder(tree, folder, scope);
      this.#context.tally.walked = true;
      await this.#flush();
    } finally {
      // Threads must be idle before the caller closes what they use, also when the walk failed.
      await Promise.allSettled(this.#running);
    }
    await Promise.all(this.#running);
  }

  async #folder(tree: BlobId, folder: TargetFolder, scope: FilterScope): Promise<void> {
    const context = this.#context;
    context.signal?.throwIfAborted();
    let nodes: readonly TreeNode[] = [];
    let complete = true;
    try {
      nodes = await context.loadTree(tree);
    } catch (error) {
      context.signal?.throwIfAborted();
      complete = false;
      context.tally.failed(printablePath(folder.location), 'tree', error);
    }
    const expected = new Set<string>();
    const existing = new ExistingEntries(context, folder, nodes);
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i]!;
      const key = pathBytes(node.name).toString('latin1');
      const refusal = expected.has(key) ? 'expected every name once, found it again' : refuseName(node.name);
      expected.add(key);
      if (refusal !== null) {
        this.#mayDelete = false;
        context.tally.failed(printablePath(joinPath(folder.location, node.name)), 'name', refusal);
        continue;
      }
      await this.#node(node, i, folder, scope, existing);
      if (this.#batch.isFull) await this.#flush();
    }
    // A tree that could not be read names nothing: all that is there would look surplus.
    const surplus = (): void => {
      if (this.#mayDelete && !folder.isFresh) removeSurplus(context, folder, expected, scope);
    };
    const remove = context.delete && complete && (folder.touched || folder.node === null);
    this.#batch.folders.push({ folder, removeSurplus: remove ? surplus : null });
  }

  async #node(
    node: TreeNode,
    index: number,
    folder: TargetFolder,
    scope: FilterScope,
    existing: ExistingEntries,
  ): Promise<void> {
    if (node.type === 'socket') return; // cannot be restored, and means nothing without its server (restic §18)
    const { selected, descend } = scope.decide(node.name);
    if (node.type === 'dir') {
      const child = folder.child(node);
      if (selected && !this.#enter(child)) return;
      if (selected) this.#context.tally.found(0);
      if (descend && node.subtree === null) {
        this.#context.tally.failed(printablePath(child.location), 'tree', 'the snapshot lists no tree for this folder');
      }
      if (descend && node.subtree !== null) await this.#folder(node.subtree, child, scope.below(node.name));
      else if (selected) this.#leave(child);
      return;
    }
    if (!selected || !this.#enter(folder)) return;
    try {
      this.#item(node, folder, existing.at(index));
    } catch (error) {
      this.#context.tally.failed(printablePath(joinPath(folder.location, node.name)), 'look', error);
    }
  }

  /** Makes the folder; reports and returns false if that does not work. */
  #enter(folder: TargetFolder): boolean {
    try {
      folder.ensure(this.#context);
      return true;
    } catch (error) {
      this.#context.tally.failed(printablePath(folder.location), 'create', error);
      return false;
    }
  }

  #leave(folder: TargetFolder): void {
    this.#batch.folders.push({ folder, removeSurplus: null });
  }

  #item(node: TreeNode, folder: TargetFolder, there: Existing | null): void {
    const context = this.#context;
    const task = new FileTask(context, folder, node);
    const size = node.type === 'file' ? Number(node.size) : 0;
    const decision = there === null ? null : decideExisting(context.overwrite, node, there);
    if (decision === 'skip') {
      context.tally.found(size);
      context.tally.skipped(task.item, size, false);
      return;
    }
    // A name that is skipped heads nothing: what is there may be another content, which its other names must not get.
    const head = node.type === 'file' ? this.#links.find(node, () => this.#head(task)) : null;
    context.tally.found(head === null ? size : 0);
    if (head !== null) {
      this.#batch.links.push({ path: task.path, item: task.item, head, existing: there });
      return;
    }
    if (node.type === 'file') this.#file(task, there, decision);
    else this.#special(task, there);
  }

  #head(task: FileTask): LinkHead {
    return { path: task.path, item: task.item, content: contentKey(task.node), failed: () => task.failed };
  }

  #file(task: FileTask, there: Existing | null, decision: ReturnType<typeof decideExisting> | null): void {
    const { content, size } = task.node;
    if (content === null && size > 0n) {
      task.fail(this.#context, 'content', `expected ${size} bytes, but the snapshot lists no blobs for them`);
      return;
    }
    task.existed = there !== null;
    if (there !== null) {
      task.hasOtherNames = there.nlink > 1n;
      task.compare = decision === 'compare';
      task.plan = decision === 'keep-content' ? 'keep' : 'replace';
      if (there.isDirectory && !this.#clear(task, there)) return;
    }
    this.#batch.addFile(task);
  }

  #special(task: FileTask, there: Existing | null): void {
    const context = this.#context;
    if (there !== null && !this.#clear(task, there)) return;
    try {
      if (!context.dryRun) makeSpecial(context, task.path, task.node);
      context.tally.restored(task.item, 0, there !== null);
    } catch (error) {
      task.fail(context, 'create', error);
    }
  }

  /** Removes what is in the way; reports and returns false if that does not work. */
  #clear(task: FileTask, there: Existing): boolean {
    if (this.#context.dryRun) return true;
    try {
      clearPath(task.path, there.isDirectory, this.#context.delete);
      return true;
    } catch (error) {
      task.fail(this.#context, 'create', error);
      return false;
    }
  }

  /** Starts the batch, once there are not too many under way, and begins a new one. */
  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = new Batch();
    if (this.#running.length === MAX_RUNNING) await this.#running.shift();
    const running = batch.run(this.#context, this.#running.at(-1) ?? Promise.resolve());
    running.catch(() => {}); // awaited by a later flush or at the end; until then not "unhandled"
    this.#running.push(running);
  }
}

/** What is at the places of a tree's nodes, asked for once per folder, and only if the folder was there before. */
class ExistingEntries {
  readonly #context: RestoreContext;
  readonly #folder: TargetFolder;
  readonly #nodes: readonly TreeNode[];
  #stats: StatBatch | null = null;

  constructor(context: RestoreContext, folder: TargetFolder, nodes: readonly TreeNode[]) {
    this.#context = context;
    this.#folder = folder;
    this.#nodes = nodes;
  }

  /** Returns what is at node `index`, null for nothing. The folder has been made. */
  at(index: number): Existing | null {
    if (this.#folder.isFresh) return null;
    this.#stats ??= this.#context.system.lstatBatch(
      this.#folder.path,
      this.#nodes.map(({ name }) => (refuseName(name) === null ? name : DOT)),
    );
    if (this.#stats.code(index) === 'ENOENT') return null;
    return existingOf(this.#stats.stat(index));
  }
}

/** Stands in for a name that is refused anyway. */
const DOT: Uint8Array = Buffer.from('.');

function existingOf(stat: Stat): Existing {
  const type = stat.mode & S_IFMT;
  return {
    isRegular: type === S_IFREG,
    isDirectory: type === S_IFDIR,
    size: stat.size,
    mtimeNs: stat.mtimeNs,
    nlink: stat.nlink,
  };
}
