/** Further names of files that have several: the first is restored, the others are linked to it. */
import type { TreeNode } from '@hostark/repository';
import type { RestoreContext } from './context.ts';
import { FLAG_FAILED, pathOfRow } from './rows.ts';
import { clearPath } from './target-folder.ts';
import type { Window } from './window.ts';

/** What tells whether two names are of one file. */
export interface LinkIdentity {
  readonly inode: string;
  /** Tells one content from another: an inode may have been used again while the backup ran. */
  readonly content: string;
}

/** The first name of an inode that has several. Remembered to the end, hence without its window. */
export interface LinkHead {
  readonly path: Uint8Array;
  /** Printable path in the snapshot. */
  readonly item: string;
  readonly content: string;
  readonly row: number;
  /** Of its window: say whether it could be restored. */
  readonly flags: Uint8Array;
}

/** A further name of a file that is restored under another. */
export interface LinkTask {
  readonly row: number;
  readonly head: LinkHead;
  /** Something is there that is not the same file. */
  readonly existing: { readonly isDirectory: boolean } | null;
}

/** Returns null for a file with one name. */
export function linkIdentity({ links, inode, deviceId, size, content }: TreeNode): LinkIdentity | null {
  if (links < 2n || (inode === 0n && deviceId === 0n)) return null;
  // Size, number of blobs, first and last blob: enough to notice another content.
  return { inode: `${deviceId}:${inode}`, content: `${size}:${content?.length}:${content?.[0]}:${content?.at(-1)}` };
}

/** Remembers the first name of each inode that has several. */
export class LinkHeads {
  readonly #heads = new Map<string, LinkHead>();

  /**
   * Returns the first name's record, or null if this row is the first (then it is remembered) or has one name only. Names of
   * one inode whose content differs are not the same file: the second is restored on its own.
   */
  find(window: Window, row: number): LinkHead | null {
    const identity = window.linked.get(row);
    if (identity === undefined) return null;
    const known = this.#heads.get(identity.inode);
    if (known === undefined) {
      const { rows } = window;
      const { content } = identity;
      const head = { path: pathOfRow(rows, row), item: window.item(row), content, row, flags: rows.flags };
      this.#heads.set(identity.inode, head);
      return null;
    }
    return known.content === identity.content ? known : null;
  }
}

/** Makes a further name; the first must be done. Reports what fails. */
export function makeLink(context: RestoreContext, window: Window, { row, head, existing }: LinkTask): void {
  if ((head.flags[head.row]! & FLAG_FAILED) !== 0) {
    context.tally.failed(window.item(row), 'link', `its content is that of ${head.item}, which could not be restored`);
    return;
  }
  try {
    if (!context.dryRun) {
      const path = pathOfRow(window.rows, row);
      if (existing !== null) clearPath(path, existing.isDirectory, context.delete);
      context.system.link(head.path, path);
    }
    context.tally.restoredRow(window, row, 0, existing !== null);
  } catch (error) {
    context.tally.failed(window.item(row), 'link', error);
  }
}
