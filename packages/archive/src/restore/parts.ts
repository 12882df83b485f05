/**
 * Files of several blobs: begun under a partial name (or patched in place), filled by the threads in any order, finished
 * with a rename. One that cannot be finished never keeps its final name with wrong content.
 */
import { closeSync, ftruncateSync, renameSync } from 'node:fs';
import { applyMetadata } from '../metadata/apply.ts';
import { pathBytes, printablePath } from '../walk/paths.ts';
import type { RestoreContext } from './context.ts';
import type { FileTask } from './file-task.ts';
import { createFile, dress, openForWrite, partialPath, removeQuietly } from './write-file.ts';

/** Makes room for the file; repeating it is harmless. Throws the system's error. */
export function beginParts(context: RestoreContext, task: FileTask): void {
  if (task.workPath !== null) return;
  const path = task.plan === 'patch' ? task.path : partialPath(task.path);
  const fd = task.plan === 'patch' ? openForWrite(path) : createFile(path);
  task.workPath = path;
  try {
    if (task.plan === 'patch' || context.sparse) ftruncateSync(fd, task.bytes);
    else reserve(context, fd, task.bytes);
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
export function finishParts(context: RestoreContext, task: FileTask): void {
  const work = task.workPath ?? task.path;
  const error =
    task.plan === 'patch'
      ? redress(context, task)
      : dress(context.system, work, task.row(context, true), context.actor);
  try {
    if (task.plan !== 'patch') renameSync(pathBytes(work), pathBytes(task.path));
    task.workPath = null;
    if (error !== null) context.tally.failed(task.item(), 'metadata', error);
  } catch (cause) {
    task.fail(context, 'rename', cause);
    abandonParts(context, task);
  }
}

/** Sets the metadata of a file that was there before. Returns the error, or null. */
export function redress(context: RestoreContext, task: FileTask): unknown {
  try {
    applyMetadata(context.system, task.path, task.metadata, {
      privileged: context.actor.privileged,
      selectXattr: context.selectXattr,
    });
    return null;
  } catch (error) {
    return error;
  }
}

/**
 * Takes away what cannot be finished: our own partial file is removed; a file of the user that was being patched is moved
 * aside under a partial name, since it is neither its old nor its new self.
 */
export function abandonParts(context: RestoreContext, task: FileTask): void {
  if (task.workPath === null) return;
  if (task.plan !== 'patch') {
    removeQuietly(task.workPath);
  } else {
    const aside = partialPath(task.path);
    try {
      renameSync(pathBytes(task.path), pathBytes(aside));
      context.tally.failed(
        task.item(),
        'patch',
        `half updated; what there was of it is kept as ${printablePath(aside)}`,
      );
    } catch (error) {
      context.tally.failed(task.item(), 'patch', error);
    }
  }
  task.workPath = null;
}
