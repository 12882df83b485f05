/** Errors shared by the sessions. */
import { HostarkError } from '@hostark/protocol';

/** The caller's signal ended it. */
export function interrupted(what: string, signal?: AbortSignal): HostarkError {
  return new HostarkError('interrupted', `${what}: interrupted`, { cause: signal?.reason });
}

/** The connection is gone; the same call may succeed later. */
export function unreachable(message: string, details: { hint: string; cause?: unknown }): HostarkError {
  return new HostarkError('host-unreachable', message, { ...details, retry: 'later' });
}

/** Returns the last non-empty lines of a text, joined; '' when there are none. */
export function lastLines(text: string, count: number): string {
  const lines = text.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '')
    .slice(-count)
    .join(' | ');
}
