/** `--delete`: what is below the target but not in the snapshot goes, where the filter selects it. */
import { readdirSync, unlinkSync } from 'node:fs';
import type { FilterScope } from '../select/filter.ts';
import { joinPath, pathBytes, printablePath } from '../walk/paths.ts';
import type { RestoreContext } from './context.ts';
import { removeTree, type TargetFolder } from './target-folder.ts';

/** Deletes every entry of `folder` whose name is not in `expected` (latin1) and that `scope` selects. */
export function removeSurplus(
  context: RestoreContext,
  folder: TargetFolder,
  expected: ReadonlySet<string>,
  scope: FilterScope,
): void {
  for (const entry of list(context, folder)) {
    const name = entry.name as unknown as Buffer;
    if (expected.has(name.toString('latin1')) || !scope.decide(name).selected) continue;
    const path = joinPath(folder.path, name);
    try {
      remove(context, path, entry.isDirectory());
    } catch (error) {
      context.tally.failed(printablePath(path), 'delete', error);
    }
  }
}

function list(context: RestoreContext, folder: TargetFolder): ReturnType<typeof entriesOf> {
  try {
    return entriesOf(folder.path);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (!(context.dryRun && code === 'ENOENT')) context.tally.failed(printablePath(folder.path), 'delete', error);
    return [];
  }
}

function entriesOf(path: Uint8Array): { name: string; isDirectory(): boolean }[] {
  return readdirSync(pathBytes(path), { encoding: 'buffer' as 'utf8', withFileTypes: true });
}

function remove(context: RestoreContext, path: Uint8Array, isDirectory: boolean): void {
  const removed = (each: Uint8Array): void => context.tally.deleted(printablePath(each));
  if (context.dryRun) {
    if (isDirectory) tellTree(path, removed);
    else removed(path);
  } else if (isDirectory) removeTree(path, removed);
  else {
    unlinkSync(pathBytes(path));
    removed(path);
  }
}

function tellTree(path: Uint8Array, tell: (path: Uint8Array) => void): void {
  for (const entry of entriesOf(path)) {
    const below = joinPath(path, entry.name as unknown as Buffer);
    if (entry.isDirectory()) tellTree(below, tell);
    else tell(below);
  }
  tell(path);
}
