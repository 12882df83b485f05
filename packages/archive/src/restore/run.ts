/** What is done with a window: its files at once, the rest when the windows before are done. */
import { applyMetadata } from '../metadata/apply.ts';
import { metadataOf } from '../metadata/metadata.ts';
import { printablePath } from '../walk/paths.ts';
import { writeContent } from './content.ts';
import type { RestoreContext } from './context.ts';
import { compareExisting, verifyContent } from './existing-content.ts';
import { type LinkHeads, makeLink } from './links.ts';
import { makeItems } from './make.ts';
import { redress } from './parts.ts';
import { removeSurplus } from './surplus.ts';
import { type LeftFolder, PLAN, type Window } from './window.ts';

/** What the windows of one restore share. */
export interface Sequence {
  readonly links: LinkHeads;
  /** Whether what looks surplus is. */
  readonly trust: { readonly mayDelete: boolean };
}

/** A window under way. What rejects ends the restore; items that fail are reported instead. */
export interface RunningWindow {
  /** Its folders are there, and its files are planned. */
  readonly made: Promise<void>;
  readonly done: Promise<void>;
}

/** Restores everything in a window, after the one before it in what has an order. */
export function runWindow(
  context: RestoreContext,
  window: Window,
  sequence: Sequence,
  before: RunningWindow | null,
): RunningWindow {
  context.ahead?.begin(window);
  const made = make(context, window, sequence, before);
  const done = made.then(() => write(context, window, sequence, before));
  // Both are awaited later; until then what they reject with is not "unhandled".
  made.catch(() => {});
  done.catch(() => {});
  return { made, done };
}

async function make(
  context: RestoreContext,
  window: Window,
  { links }: Sequence,
  before: RunningWindow | null,
): Promise<void> {
  await context.mayWrite;
  await before?.made;
  await makeItems(context, window, links);
}

async function write(
  context: RestoreContext,
  window: Window,
  { trust }: Sequence,
  before: RunningWindow | null,
): Promise<void> {
  await compareExisting(context, rowsWith(window, PLAN.compare));
  await writeContent(context, window);
  for (const row of rowsWith(window, PLAN.keep).rows) keepContent(context, window, row);
  if (context.verify) await verifyContent(context, writtenRows(window));
  await before?.done;
  for (const link of window.links) makeLink(context, window, link);
  for (const left of window.left) {
    if (context.turns.isDue) await context.turns.give();
    leaveFolder(context, left, trust);
  }
  context.tally.progress();
}

/** Some rows of a window. */
export interface SomeRows {
  readonly window: Window;
  readonly rows: readonly number[];
}

function rowsWith(window: Window, plan: number): SomeRows {
  const rows: number[] = [];
  for (
    let row = window.plans.indexOf(plan);
    row >= 0 && row < window.count;
    row = window.plans.indexOf(plan, row + 1)
  ) {
    rows.push(row);
  }
  return { window, rows };
}

function writtenRows(window: Window): SomeRows {
  const rows: number[] = [];
  for (let row = 0; row < window.count; row++) {
    if (window.plans[row]! <= PLAN.patch && !window.failed(row)) rows.push(row);
  }
  return { window, rows };
}

/** The content is right: metadata is restored all the same, as restic does. */
function keepContent(context: RestoreContext, window: Window, row: number): void {
  const error = context.dryRun ? null : redress(context, window, row);
  if (error !== null) window.fail(context, row, 'metadata', error);
  context.tally.skipped(() => window.item(row), window.rows.sizes[row]!, true);
}

function leaveFolder(context: RestoreContext, left: LeftFolder, trust: Sequence['trust']): void {
  const { folder, expected, scope } = left;
  if (folder.hasFailed) return;
  if (expected !== null && scope !== null && (folder.touched || folder.node === null)) {
    if (trust.mayDelete && !folder.isFresh) removeSurplus(context, folder, expected, scope);
  }
  const { node } = folder;
  if (node === null || !folder.touched) return;
  try {
    if (!context.dryRun) {
      applyMetadata(context.system, folder.path, metadataOf(node, context.names, context.selectXattr), {
        privileged: context.actor.privileged,
        selectXattr: context.selectXattr,
      });
    }
    context.tally.restored(() => printablePath(folder.location), 0, !folder.isFresh);
  } catch (error) {
    context.tally.failed(printablePath(folder.location), 'metadata', error);
  }
}
