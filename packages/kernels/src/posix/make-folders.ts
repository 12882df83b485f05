/**
 * Makes a folder and what is missing above it. Node's own recursive mkdir never ends where a file system says ENOENT for a
 * folder whose parent is there, as /proc does.
 */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const SLASH = 0x2f;

/** Makes `path` with `mode`, missing parents too; what is there stays as it is. Throws Node's errors, EEXIST for a file. */
export function makeFolders(path: string | Buffer, mode: number): void {
  if (make(path, mode)) return;
  const parent = parentOf(path);
  // The parent is there, so that it is not what is missing: this file system makes no folders.
  if (parent.length === path.length || isFolder(parent)) throw notMade(path);
  makeFolders(parent, mode);
  if (!make(path, mode)) throw notMade(path);
}

/** Returns false when something above is missing. */
function make(path: string | Buffer, mode: number): boolean {
  try {
    mkdirSync(path, { mode });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    if (isFolder(path)) return true; // EEXIST; also EROFS and EACCES, which may come first
    throw error;
  }
}

function isFolder(path: string | Buffer): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function parentOf(path: string | Buffer): string | Buffer {
  if (typeof path === 'string') return dirname(path);
  let end = path.length;
  while (end > 1 && path[end - 1] === SLASH) end--;
  const slash = path.subarray(0, end).lastIndexOf(SLASH);
  return slash > 0 ? path.subarray(0, slash) : Buffer.from(slash === 0 ? '/' : '.');
}

function notMade(path: string | Buffer): Error {
  return Object.assign(new Error(`ENOENT: no folder can be made here, mkdir '${path}'`), { code: 'ENOENT' });
}
