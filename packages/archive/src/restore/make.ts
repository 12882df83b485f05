/**
 * The first touch of the target for a window: its folders are made, what is there already is looked at, and every file gets
 * its plan. Items without content are made at once. In the order of the snapshot; items that cannot be are reported.
 */
import type { Stat, StatBatch } from '@hostark/kernels';
import { joinPath, printablePath } from '../walk/paths.ts';
import type { RestoreContext } from './context.ts';
import { decideExisting, type Existing } from './existing.ts';
import type { LinkHeads } from './links.ts';
import { bytesAt, mtimeOfRow, pathOfRow } from './rows.ts';
import { makeSpecial } from './special.ts';
import { clearPath, type TargetFolder } from './target-folder.ts';
import { PLAN, type Step, type Window } from './window.ts';

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/** Makes the folders and items of a window, and settles the plans of its files. One window after another: the first of several names counts. */
export async function makeItems(context: RestoreContext, window: Window, heads: LinkHeads): Promise<void> {
  for (const step of window.steps) {
    if (context.turns.isDue) await context.turns.give();
    if (!enter(context, step.folder)) window.plans.fill(PLAN.leave, step.from, step.to);
    else if (step.special !== null) makeSpecialItem(context, step.folder, step.special);
    else planRows(context, window, heads, step);
  }
}

/** Makes the folder; reports, once, and returns false if that does not work. */
function enter(context: RestoreContext, folder: TargetFolder): boolean {
  try {
    return folder.ensure(context);
  } catch (error) {
    context.tally.failed(printablePath(folder.location), 'create', error);
    return false;
  }
}

function planRows(context: RestoreContext, window: Window, heads: LinkHeads, { folder, from, to }: Step): void {
  if (folder.isFresh) {
    for (let row = from; row < to; row++) planRow(context, window, heads, row, null);
    return;
  }
  if (from === to) return;
  const names = Array.from({ length: to - from }, (_, i) => bytesAt(window.rows.names, from + i));
  let stats: StatBatch | null = null;
  for (let row = from; row < to; row++) {
    try {
      stats ??= context.system.lstatBatch(folder.path, names);
      const there = stats.code(row - from) === 'ENOENT' ? null : existingOf(stats.stat(row - from));
      planRow(context, window, heads, row, there);
    } catch (error) {
      window.plans[row] = PLAN.leave;
      context.tally.failed(window.item(row), 'look', error);
    }
  }
}

function planRow(context: RestoreContext, window: Window, heads: LinkHeads, row: number, there: Existing | null): void {
  const { rows, plans, broken } = window;
  const size = rows.sizes[row]!;
  const decision = there === null ? null : decideRow(context, window, row, there);
  if (decision === 'skip') {
    plans[row] = PLAN.leave;
    context.tally.found(size);
    context.tally.skipped(() => window.item(row), size, false);
    return;
  }
  // A name that is skipped heads nothing: what is there may be another content, which its other names must not get.
  const head = window.linked.size === 0 ? null : heads.find(window, row);
  context.tally.found(head === null ? size : 0);
  if (head !== null) {
    plans[row] = PLAN.leave;
    window.links.push({ row, head, existing: there });
    return;
  }
  if (broken.size > 0 && broken.has(row)) {
    plans[row] = PLAN.leave;
    window.fail(context, row, 'content', broken.get(row));
    return;
  }
  if (there === null) return;
  window.existed[row] = 1;
  window.hasOtherNames[row] = there.nlink > 1n ? 1 : 0;
  plans[row] = decision === 'compare' ? PLAN.compare : decision === 'keep-content' ? PLAN.keep : PLAN.replace;
  if (!there.isDirectory) return;
  try {
    if (!context.dryRun) clearPath(pathOfRow(rows, row), true, context.delete);
  } catch (error) {
    plans[row] = PLAN.leave;
    window.fail(context, row, 'create', error);
  }
}

function decideRow(
  context: RestoreContext,
  window: Window,
  row: number,
  there: Existing,
): ReturnType<typeof decideExisting> {
  const { rows } = window;
  const wanted = { type: 'file', size: BigInt(rows.sizes[row]!), mtime: { ns: mtimeOfRow(rows, row) } };
  return decideExisting(context.overwrite, wanted, there);
}

function makeSpecialItem(context: RestoreContext, folder: TargetFolder, node: NonNullable<Step['special']>): void {
  const { tally } = context;
  const item = (): string => printablePath(joinPath(folder.location, node.name));
  const path = joinPath(folder.path, node.name);
  let there: Existing | null;
  try {
    there = folder.isFresh ? null : lookAt(context, path);
  } catch (error) {
    tally.failed(item(), 'look', error);
    return;
  }
  tally.found(0);
  if (there !== null && decideExisting(context.overwrite, node, there) === 'skip') {
    tally.skipped(item, 0, false);
    return;
  }
  try {
    if (!context.dryRun) {
      if (there !== null) clearPath(path, there.isDirectory, context.delete);
      makeSpecial(context, path, node);
    }
    tally.restored(item, 0, there !== null);
  } catch (error) {
    tally.failed(item(), 'create', error);
  }
}

function lookAt(context: RestoreContext, path: Uint8Array): Existing | null {
  try {
    return existingOf(context.system.lstat(path));
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return null;
    throw error;
  }
}

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
