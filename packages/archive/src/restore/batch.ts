/**
 * A bounded number of files and what has to wait for them: further names, then metadata of folders (restored last,
 * children before parents), deletions. A few batches run at once, so that the end of one is not waited for by all
 * threads; what waits for files waits for those of the batches before as well.
 */
import type { TreeNode } from '@hostark/repository';
import { applyMetadata } from '../metadata/apply.ts';
import { metadataOf } from '../metadata/metadata.ts';
import { printablePath } from '../walk/paths.ts';
import { writeContent } from './content.ts';
import type { RestoreContext } from './context.ts';
import { compareExisting, verifyContent } from './existing-content.ts';
import type { FileTask } from './file-task.ts';
import { redress } from './parts.ts';
import type { LinkHead } from './special.ts';
import { clearPath, type TargetFolder } from './target-folder.ts';

/** Bounds the memory of a batch: nodes, plans and columns of so many files and blobs. */
const MAX_FILES = 2048;
const MAX_BLOBS = 8192;

/** A further name of a file that is restored under another. */
export interface LinkTask {
  readonly path: Uint8Array;
  readonly item: () => string;
  readonly head: LinkHead;
  /** Something is there that is not the same file. */
  readonly existing: { readonly isDirectory: boolean } | null;
}

/** A folder that the walk has left. `expected` holds the names it should have, where surplus is to be deleted. */
export interface LeftFolder {
  readonly folder: TargetFolder;
  readonly removeSurplus: (() => void) | null;
}

export class Batch {
  readonly files: FileTask[] = [];
  readonly links: LinkTask[] = [];
  readonly folders: LeftFolder[] = [];
  #blobs = 0;

  addFile(task: FileTask): void {
    this.files.push(task);
    this.#blobs += task.blobs.length;
  }

  get isFull(): boolean {
    return this.files.length >= MAX_FILES || this.#blobs >= MAX_BLOBS || this.folders.length >= MAX_FILES;
  }

  /**
   * Restores everything in it: files at once, the rest when `before`, the batch that came before, is done. Items that fail
   * are reported; what is thrown ends the restore.
   */
  async run(context: RestoreContext, before: Promise<void>): Promise<void> {
    await compareExisting(
      context,
      this.files.filter((task) => task.compare),
    );
    const content = this.files.filter((task) => task.plan !== 'keep');
    await writeContent(context, content);
    for (const task of this.files) if (task.plan === 'keep') keepContent(context, task);
    if (context.verify) {
      await verifyContent(
        context,
        content.filter((task) => !task.failed),
      );
    }
    await before;
    for (const link of this.links) makeLink(context, link);
    for (const left of this.folders) leaveFolder(context, left);
  }
}

/** The content is right: metadata is restored all the same, as restic does. */
function keepContent(context: RestoreContext, task: FileTask): void {
  const error = context.dryRun ? null : redress(context, task);
  if (error !== null) task.fail(context, 'metadata', error);
  context.tally.skipped(task.item, Number(task.node.size), true);
}

function makeLink(context: RestoreContext, link: LinkTask): void {
  if (link.head.failed()) {
    context.tally.failed(
      link.item(),
      'link',
      `its content is that of ${link.head.item()}, which could not be restored`,
    );
    return;
  }
  try {
    if (!context.dryRun) {
      if (link.existing !== null) clearPath(link.path, link.existing.isDirectory, context.delete);
      context.system.link(link.head.path, link.path);
    }
    context.tally.restored(link.item, 0, link.existing !== null);
  } catch (error) {
    context.tally.failed(link.item(), 'link', error);
  }
}

function leaveFolder(context: RestoreContext, { folder, removeSurplus }: LeftFolder): void {
  removeSurplus?.();
  if (folder.node === null || !folder.touched) return;
  try {
    if (!context.dryRun) dressFolder(context, folder, folder.node);
    context.tally.restored(() => printablePath(folder.location), 0, !folder.isFresh);
  } catch (error) {
    context.tally.failed(printablePath(folder.location), 'metadata', error);
  }
}

function dressFolder(context: RestoreContext, folder: TargetFolder, node: TreeNode): void {
  applyMetadata(context.system, folder.path, metadataOf(node, context.names, context.selectXattr), {
    privileged: context.actor.privileged,
    selectXattr: context.selectXattr,
  });
}
