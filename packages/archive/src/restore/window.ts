/**
 * A bounded number of files on their way back, and what has to wait for them: further names, then metadata of folders
 * (restored last, children before parents), deletions. Filled while trees are read, without a touch of the target; then run.
 * A few windows run at once, so that the end of one is not waited for by all threads; what waits for files waits for those
 * of the windows before as well.
 */
import { blobIdFrom, plainLength, type TreeNode } from '@hostark/repository';
import type { XattrValue } from '../metadata/metadata.ts';
import type { FilterScope } from '../select/filter.ts';
import { joinPath, printablePath } from '../walk/paths.ts';
import type { RestoreContext } from './context.ts';
import { type LinkIdentity, type LinkTask, linkIdentity } from './links.ts';
import {
  bytesAt,
  FLAG_FAILED,
  FLAG_PART,
  FLAG_PATCH,
  FLAG_SPARSE,
  type RowFacts,
  type Rows,
  RowsBuilder,
} from './rows.ts';
import type { TargetFolder } from './target-folder.ts';

/**
 * How content gets there. `create`: nothing is in the way. `replace`: made beside and renamed over what is there.
 * `patch`: a regular file with one name of which some blobs are right: only the others are written, in place.
 * `keep`: content is right, metadata only. `compare`: to be decided by content. `leave`: not touched at all.
 */
export const PLAN = { create: 0, replace: 1, patch: 2, keep: 3, compare: 4, leave: 5 } as const;
export type FilePlan = (typeof PLAN)[keyof typeof PLAN];

/** What comes in order: a folder to be made, with rows `from` up to `to` in it, or one item without content. */
export interface Step {
  readonly folder: TargetFolder;
  readonly from: number;
  to: number;
  readonly special: TreeNode | null;
}

/** A folder that the walk has left. */
export interface LeftFolder {
  readonly folder: TargetFolder;
  /** The names it should have, where surplus is to be deleted; null elsewhere. */
  readonly expected: ReadonlySet<string> | null;
  readonly scope: FilterScope | null;
}

/** Bounds of a window besides its rows. */
const BLOBS_PER_ROW = 4;

export class Window {
  readonly steps: Step[] = [];
  readonly links: LinkTask[] = [];
  readonly left: LeftFolder[] = [];
  /** Why rows cannot be restored: their blobs are not known. */
  readonly broken: Map<number, string> = new Map();
  /** Of rows whose file has other names. */
  readonly linked: Map<number, LinkIdentity> = new Map();
  readonly plans: Uint8Array;
  /** 1: something was at the path before. */
  readonly existed: Uint8Array;
  /** 1: what existed has other names (hard links), which must keep their content. */
  readonly hasOtherNames: Uint8Array;
  /** Blobs that are not written yet. */
  readonly pending: Uint32Array;
  /** With the plan 'patch': 1 for each blob that is right. */
  readonly matches: Map<number, Uint8Array> = new Map();
  /** Rows whose file is begun and not finished, see parts.ts. */
  readonly begun: Set<number> = new Set();
  readonly #builder: RowsBuilder;
  readonly #folders: TargetFolder[] = [];
  #rows: Rows | null = null;

  constructor(capacity: number) {
    this.#builder = new RowsBuilder(capacity);
    this.plans = new Uint8Array(capacity);
    this.existed = new Uint8Array(capacity);
    this.hasOtherNames = new Uint8Array(capacity);
    this.pending = new Uint32Array(capacity);
  }

  get count(): number {
    return this.#builder.count;
  }

  get isFull(): boolean {
    const { capacity, count, blobCount } = this.#builder;
    return (
      count === capacity || blobCount >= BLOBS_PER_ROW * capacity || this.steps.length + this.left.length >= capacity
    );
  }

  /** The finished table; nothing can be added after the first call. */
  get rows(): Rows {
    this.#rows ??= this.#builder.finish();
    return this.#rows;
  }

  folderOf(row: number): TargetFolder {
    return this.#folders[this.rows.folderOf[row]!]!;
  }

  /** Printable path in the snapshot. */
  item(row: number): string {
    return printablePath(joinPath(this.folderOf(row).location, bytesAt(this.rows.names, row)));
  }

  failed(row: number): boolean {
    return (this.rows.flags[row]! & FLAG_FAILED) !== 0;
  }

  /** Reports the first failure; later ones of the same file add nothing. */
  fail(context: RestoreContext, row: number, during: string, error: unknown): void {
    if (this.failed(row)) return;
    this.rows.flags[row]! |= FLAG_FAILED;
    context.tally.failed(this.item(row), during, error);
  }

  /** Entries of the blobs of a row. */
  blobsOf(row: number): Uint32Array {
    const { entries, blobEnds } = this.#builder;
    return entries.subarray(row === 0 ? 0 : blobEnds[row - 1]!, blobEnds[row]!);
  }

  /** Settles how the file is written; to be called once its plan is known. */
  settleFlags(context: RestoreContext, row: number): void {
    const patch = this.plans[row] === PLAN.patch;
    if (patch) this.rows.flags[row]! |= FLAG_PART | FLAG_PATCH;
    else {
      if (this.blobsOf(row).length > 1) this.rows.flags[row]! |= FLAG_PART;
      if (context.sparse) this.rows.flags[row]! |= FLAG_SPARSE;
    }
  }

  /** A folder that is selected itself, whether there is anything in it or not. */
  addFolder(folder: TargetFolder): void {
    this.steps.push({ folder, from: this.count, to: this.count, special: null });
  }

  addSpecial(folder: TargetFolder, special: TreeNode): void {
    this.steps.push({ folder, from: this.count, to: this.count, special });
  }

  /** Adds a file without blobs, its name copied; returns its row. */
  addFile(folder: TargetFolder, facts: RowFacts, names: Uint8Array, nameFrom: number, nameTo: number): number {
    let step = this.steps.at(-1);
    if (step === undefined || step.folder !== folder || step.special !== null) {
      step = { folder, from: this.count, to: this.count, special: null };
      this.steps.push(step);
    }
    if (this.#folders.at(-1) !== folder) {
      this.#folders.push(folder);
      this.#builder.enter(folder.path);
    }
    step.to++;
    return this.#builder.add(facts, names, nameFrom, nameTo);
  }

  /** Adds the next blob of the row added last, by its raw id. */
  addBlob(context: RestoreContext, id: Uint8Array): void {
    const { blobs } = context.repository;
    const entry = blobs.entry('data', id);
    const place = entry < 0 ? null : blobs.placeOf(entry);
    if (place === null) this.breakRow(this.count - 1, `blob ${blobIdFrom(id)} is not in the index of the repository`);
    else this.#builder.addBlob(entry, plainLength(place));
  }

  /** Remembers why a file cannot be restored, should it have to be. */
  breakRow(row: number, reason: string): void {
    if (!this.broken.has(row)) this.broken.set(row, reason);
  }

  /** Attributes and other names of the row added last: both are rare. */
  addDetails(row: number, node: TreeNode, xattrs: readonly XattrValue[]): void {
    const link = linkIdentity(node);
    if (link !== null) this.linked.set(row, link);
    if (xattrs.length > 0) this.#builder.addXattrs(row, xattrs);
  }
}
