/** Errors of system calls, in the shape of Node's own: code, errno, syscall, path. */

import { getSystemErrorMap } from 'node:util';

export interface SystemError extends Error {
  readonly code: string;
  /** Negative, as in Node. */
  readonly errno: number;
  readonly syscall: string;
  readonly path?: string;
}

const ENOTSUP = 95;
const MESSAGES = new Map(getSystemErrorMap()).set(-ENOTSUP, ['ENOTSUP', 'operation not supported']);

/** Returns the errno string (`ENOENT`) for a positive errno; `E<number>` for one that Node does not know. */
export function errnoName(errno: number): string {
  // Linux gives EOPNOTSUPP and ENOTSUP one number; Node knows it as ENOTSUP.
  return MESSAGES.get(-errno)?.[0] ?? `E${errno}`;
}

/** Returns an Error for a positive errno. `path` is shown as text, lossy when it is not UTF-8. */
export function systemError(errno: number, syscall: string, path?: Uint8Array): SystemError {
  const [code, text] = MESSAGES.get(-errno) ?? [`E${errno}`, 'unknown error'];
  const shown = path === undefined ? undefined : Buffer.from(path.buffer, path.byteOffset, path.length).toString();
  const message = `${code}: ${text}, ${syscall}${shown === undefined ? '' : ` '${shown}'`}`;
  return Object.assign(new Error(message), {
    code,
    errno: -errno,
    syscall,
    ...(shown === undefined ? {} : { path: shown }),
  });
}

/** Returns the error of an operation that this platform cannot do. */
export function notSupported(syscall: string, path?: Uint8Array): SystemError {
  return systemError(ENOTSUP, syscall, path);
}
