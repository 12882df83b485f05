/** Turns errno errors of the file system into errors that say what to do. */
import { HostarkError } from '@hostark/protocol';

/** Returns the errno name of a thrown value ('ENOENT'), or '' if it has none. */
export function errnoOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : '';
}

/** `what` names the action and the path: "write /srv/repo/data/ab/abcd…". Errors that are ours already pass unchanged. */
export function localError(what: string, error: unknown): unknown {
  if (error instanceof HostarkError) return error;
  const code = errnoOf(error);
  if (code === '') return error;
  const message = `cannot ${what}: ${code}`;
  const context = { errno: code };
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new HostarkError('disk-full', `cannot ${what}: no space left (${code})`, {
        hint: 'free space on that file system and run the same command again; what is already stored is kept and reused',
        context,
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new HostarkError('backend-denied', message, {
        hint:
          code === 'EROFS'
            ? 'the file system is mounted read-only; mount it for writing'
            : 'check owner and mode of the repository folder, or run as the user who owns it',
        context,
        cause: error,
      });
    case 'ENOTDIR':
      return new HostarkError('no-repository', `${message}: a part of the path is a file, not a folder`, {
        hint: 'give the folder that holds the repository',
        context,
        cause: error,
      });
    default:
      // EIO, ESTALE, EMFILE, ETIMEDOUT …: disks and network mounts recover; the retrying decorator decides how long.
      return new HostarkError('backend-unavailable', message, {
        hint: 'check the disk or network mount that holds the repository',
        context,
        retry: 'later',
        cause: error,
      });
  }
}
