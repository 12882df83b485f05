/**
 * What the system refused (a full disk, a folder without write permission, a port in use) is no bug: it is told with
 * the path and what to do. Commands that know better have thrown an error of their own before.
 */
import { HostarkError } from '@hostark/protocol';

const FULL = new Set(['ENOSPC', 'EDQUOT']);
const UNUSABLE = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
  'EISDIR',
  'ENOENT',
  'EEXIST',
  'EIO',
  'ELOOP',
  'ENAMETOOLONG',
]);
const PORT = new Set(['EADDRINUSE', 'EADDRNOTAVAIL']);

/** Returns the error to show: the same unless it came from the system. */
export function systemError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof HostarkError) return error;
  const { code = '', path, syscall, port } = error as NodeJS.ErrnoException & { port?: number };
  if (syscall === undefined) return error;
  const where = path ?? syscall;
  if (FULL.has(code)) {
    return new HostarkError('disk-full', `${where}: no space left (${code})`, {
      hint: 'make room there, or name a folder on another disk; TMPDIR says where temporary files go',
      cause: error,
    });
  }
  if (UNUSABLE.has(code)) {
    return new HostarkError('target-unusable', `${where}: ${syscall} failed: ${code}`, {
      hint: 'check that the path exists and that you may read and write there',
      cause: error,
    });
  }
  if (!PORT.has(code)) return error;
  return new HostarkError('usage', `port ${port ?? ''}: expected a free one, it is in use`, {
    hint: 'name another port, or none for a free one',
    cause: error,
  });
}
