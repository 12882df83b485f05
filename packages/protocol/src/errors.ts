/**
 * The one error that users meet. Codes are stable and documented in docs/errors.md; messages may change.
 * Exit codes follow restic where restic has one (doc/075_scripting), ours start at 20.
 */

/** Every code, with the exit code the command line ends with. One table drives the type, the exit code and the docs. */
export const ERROR_EXIT_CODES = {
  // ended by the caller, or by bad words
  usage: 2,
  interrupted: 130,
  // repository
  'no-repository': 10,
  locked: 11,
  'wrong-password': 12,
  'repository-exists': 1,
  'repository-damaged': 1,
  'repository-unsupported': 1,
  'object-missing': 1,
  'object-truncated': 1,
  'object-damaged': 1,
  'blob-missing': 1,
  'snapshot-not-found': 1,
  'snapshot-ambiguous': 1,
  'path-not-found': 1,
  'bad-id': 1,
  'lock-lost': 1,
  // archive
  'source-missing': 1,
  'source-incomplete': 3,
  'source-empty': 1,
  'bad-pattern': 2,
  'target-unusable': 1,
  'restore-incomplete': 1,
  'verification-failed': 1,
  'command-failed': 1,
  // storage and network
  'backend-unavailable': 1,
  'backend-denied': 1,
  'disk-full': 1,
  // cloud
  'cloud-auth': 20,
  'cloud-denied': 1,
  'cloud-refused': 1,
  'cloud-unavailable': 1,
  'cloud-timeout': 1,
  'bucket-name': 2,
  'bucket-taken': 1,
  'host-not-found': 1,
  'host-unreachable': 1,
  'host-key-unknown': 1,
  'host-key-changed': 1,
  'agent-failed': 1,
  'hook-failed': 23,
  'host-interrupted': 24,
  leftovers: 1,
  'not-healthy': 22,
  // ours
  internal: 1,
} as const;

export type ErrorCode = keyof typeof ERROR_EXIT_CODES;

/** What goes with an error besides its message. */
export interface ErrorDetails {
  /** What to do next, one sentence or command, without a full stop after an id. */
  readonly hint?: string;
  /** Named facts for the reader: object, bucket, path, expected, found. Never a secret. */
  readonly context?: Readonly<Record<string, string | number | boolean>>;
  /** Whether the same call may succeed later without a change. Default 'never'. */
  readonly retry?: 'never' | 'later';
  readonly cause?: unknown;
}

/** Thrown by public functions of all packages. `message` says what was expected and what was found. */
export class HostarkError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | null;
  readonly context: Readonly<Record<string, string | number | boolean>>;
  readonly retry: 'never' | 'later';

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint ?? null;
    this.context = details.context ?? {};
    this.retry = details.retry ?? 'never';
  }
}
HostarkError.prototype.name = 'HostarkError';

/** Returns true if `error` is a HostarkError, with the given code if one is named. */
export function isHostarkError(error: unknown, code?: ErrorCode): error is HostarkError {
  return error instanceof HostarkError && (code === undefined || error.code === code);
}

/** Returns the process exit code for any thrown value: 1 for what we do not know. */
export function exitCodeOf(error: unknown): number {
  return isHostarkError(error) ? ERROR_EXIT_CODES[error.code] : 1;
}
