/** The errors that every backend tells in the same words. */
import { HostarkError } from '@hostark/protocol';
import type { ByteRange, Handle } from '../backend.ts';
import { printHandle } from './layout.ts';

export function objectMissing(location: string, handle: Handle, cause?: unknown): HostarkError {
  const what = printHandle(handle);
  const hint =
    handle.type === 'config'
      ? 'check the location; to begin a repository there, run `hostark init`'
      : 'run `hostark check` to see what else is missing';
  return new HostarkError('object-missing', `${what} is not in ${location}`, {
    hint,
    context: { object: what, location },
    cause,
  });
}

export function objectTruncated(location: string, handle: Handle, range: ByteRange, found: number): HostarkError {
  const what = printHandle(handle);
  const message = `${what} in ${location} is too short: expected ${range.length} bytes at ${range.offset}, got ${found}`;
  return new HostarkError('object-truncated', message, {
    hint: 'the stored object is damaged; run `hostark check` to see what depends on it',
    context: { object: what, location, expected: range.length, found },
  });
}

export function repositoryExists(location: string, cause?: unknown): HostarkError {
  return new HostarkError('repository-exists', `${location} already has a config`, {
    hint: 'this is a repository; choose another location, or use the one that is there',
    context: { location },
    cause,
  });
}

/** A place opened for reading was asked to change. */
export function readOnlyPlace(location: string, handle: Handle): HostarkError {
  return new HostarkError(
    'backend-denied',
    `${location} is open for reading only: ${printHandle(handle)} is not changed`,
    {
      hint: 'open it without the read-only option',
      context: { object: printHandle(handle), location },
    },
  );
}
