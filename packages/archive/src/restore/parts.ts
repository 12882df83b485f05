/**
 * Files of several blobs: begun under a partial name (or patched in place), filled by the threads in any order, finished
 * with a rename. One that cannot be finished never keeps its final name with wrong content.
 */
import { closeSync, ftruncateSync, renameSync } from 'node:fs';
import { applyMetadata } from '../metadata/apply.ts';
import { joinPath, pathBytes, printablePath } from '../walk/paths.ts';
import type { RestoreContext } from './context.ts';
import { FLAG_PATCH, folderOfRow, metadataOfRow, partialName, pathOfRow, workPath } from './rows.ts';
import type { Window } from './window.ts';
import { createFile, openForWrite, removeQuietly } from './write-file.ts';

/** Makes room for the file; repeating it is harmless. Throws the system's error. */
export function beginParts(context: RestoreContext, window: Window, row: number): void {
  if (window.begun.has(row)) return;
  const patch = isPatch(window, row);
  const path = workPath(window.rows, row);
  const fd = patch ? openForWrite(path) : createFile(path);
  window.begun.add(row);
  const bytes = window.rows.sizes[row]!;
  try {
    if (patch || context.sparse) ftruncateSync(fd, bytes);
    else reserve(context, fd, bytes);
  } finally {
    closeSync(fd);
  }
}

/** Room reserved in one piece keeps a large file together; a file system that cannot is fine, a full one is not. */
function reserve(context: RestoreContext, fd: number, bytes: number): void {
  try {
    context.system.fallocate(fd, bytes);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOSPC') throw error;
  }
}

/** Gives a complete file its metadata and its name. Reports what fails. */
export function finishParts(context: RestoreContext, window: Window, row: number): void {
  const work = workPath(window.rows, row);
  const error = dress(context, window, row, work);
  try {
    if (!isPatch(window, row)) renameSync(pathBytes(work), pathBytes(pathOfRow(window.rows, row)));
    window.begun.delete(row);
    if (error !== null) context.tally.failed(window.item(row), 'metadata', error);
  } catch (cause) {
    window.fail(context, row, 'rename', cause);
    abandonParts(context, window, row);
  }
}

/** Sets the metadata of a file that was there before. Returns the error, or null. */
export function redress(context: RestoreContext, window: Window, row: number): unknown {
  return dress(context, window, row, pathOfRow(window.rows, row));
}

function dress(context: RestoreContext, window: Window, row: number, path: Uint8Array): unknown {
  const { selectXattr, actor } = context;
  try {
    applyMetadata(context.system, path, metadataOfRow(window.rows, row), { privileged: actor.privileged, selectXattr });
    return null;
  } catch (error) {
    return error;
  }
}

/**
 * Takes away what cannot be finished: our own partial file is removed; a file of the user that was being patched is moved
 * aside under a partial name, since it is neither its old nor its new self.
 */
export function abandonParts(context: RestoreContext, window: Window, row: number): void {
  if (!window.begun.delete(row)) return;
  const { rows } = window;
  if (!isPatch(window, row)) {
    removeQuietly(workPath(rows, row));
    return;
  }
  const aside = joinPath(folderOfRow(rows, row), partialName(rows, row));
  try {
    renameSync(pathBytes(pathOfRow(rows, row)), pathBytes(aside));
    const kept = `half updated; what there was of it is kept as ${printablePath(aside)}`;
    context.tally.failed(window.item(row), 'patch', kept);
  } catch (error) {
    context.tally.failed(window.item(row), 'patch', error);
  }
}

function isPatch(window: Window, row: number): boolean {
  return (window.rows.flags[row]! & FLAG_PATCH) !== 0;
}
