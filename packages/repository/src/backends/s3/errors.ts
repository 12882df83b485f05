/**
 * Turns refusals by S3, network errors and what credential providers throw into errors that say what to do. What was thrown
 * is not kept as cause, since it may hold tokens: its name and message are.
 */
import { type ErrorCode, HostarkError } from '@hostark/protocol';
import type { Handle } from '../../backend.ts';
import { printHandle } from '../layout.ts';
import { objectMissing } from '../object-errors.ts';
import { S3Refusal } from './client.ts';

/** The parts of a thrown error that decide. */
export interface S3Failure {
  /** S3's error code, a credential provider's error name, or Node's errno name. */
  readonly name: string;
  /** 0 when there was no answer. */
  readonly status: number;
  /** Where the bucket lives, if the answer said so. */
  readonly region: string | null;
  readonly message: string;
}

/** Reads the deciding parts out of any thrown value. */
export function describeFailure(error: unknown): S3Failure {
  if (error instanceof S3Refusal) {
    const { name, status, region, message } = error;
    return { name, status, region, message };
  }
  if (typeof error !== 'object' || error === null) return { name: '', status: 0, region: null, message: String(error) };
  // Network errors carry their name in `code` ('ECONNREFUSED').
  const { name, code, message } = error as { name?: unknown; code?: unknown; message?: unknown };
  const found = [code, name].find((one) => typeof one === 'string' && one !== '' && one !== 'Error');
  return {
    name: typeof found === 'string' ? found : '',
    status: 0,
    region: null,
    message: typeof message === 'string' ? message : '',
  };
}

export interface FailureContext {
  /** What was tried, e.g. 'read'. */
  readonly action: string;
  readonly location: string;
  readonly bucket: string;
  readonly host: string;
  readonly handle: Handle | null;
  /** Whether this endpoint has answered before: only then is silence worth waiting for. */
  readonly answered: boolean;
}

const AUTH_NAMES: ReadonlySet<string> = new Set([
  'CredentialsProviderError',
  'TokenProviderError',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidToken',
  'TokenRefreshRequired',
  'InvalidClientTokenId',
  'InvalidSecurity',
  'UnrecognizedClientException',
]);

const DAMAGE_NAMES: ReadonlySet<string> = new Set(['BadDigest', 'XAmzContentSHA256Mismatch', 'InvalidDigest']);

/** The address or port is wrong, or the service is down: not worth 15 minutes unless it has worked before. */
const NOBODY_THERE: ReadonlySet<string> = new Set(['ENOTFOUND', 'ECONNREFUSED', 'ERR_INVALID_URL']);

/** Returns the error to throw for what the SDK threw. HostarkErrors pass unchanged. */
export function s3Error(error: unknown, context: FailureContext): unknown {
  if (error instanceof HostarkError) return error;
  const failure = describeFailure(error);
  const { name, status } = failure;
  const cause = plainCause(failure);
  const what = context.handle === null ? context.location : `${printHandle(context.handle)} in ${context.location}`;
  const told = name === '' ? (status === 0 ? failure.message : `status ${status}`) : name;
  const make = (code: ErrorCode, hint: string, retry: 'never' | 'later' = 'never'): HostarkError =>
    new HostarkError(code, `cannot ${context.action} ${what}: ${told}`, {
      hint,
      retry,
      context: {
        location: context.location,
        ...(context.handle === null ? {} : { object: printHandle(context.handle) }),
        ...(status === 0 ? {} : { status }),
      },
      cause,
    });

  if (name === 'NoSuchBucket' || (status === 404 && context.handle === null)) {
    return new HostarkError('no-repository', `there is no bucket ${context.bucket} at ${context.host}`, {
      hint: 'check its name and region; to make it, run `hostark bucket create`',
      context: { bucket: context.bucket, location: context.location },
      cause,
    });
  }
  if (status === 404 && context.handle !== null) return objectMissing(context.location, context.handle, cause);
  if (AUTH_NAMES.has(name)) return make('cloud-auth', authHint(name));
  if (name === 'RequestTimeTooSkewed') {
    // The SDK has learned the difference by now, so the next try may pass.
    return make('cloud-auth', 'the clock of this machine is wrong; set it', 'later');
  }
  if (DAMAGE_NAMES.has(name)) {
    return make(
      'object-damaged',
      'the bytes that arrived are not the ones that were named; check this machine’s memory and network',
    );
  }
  if (name === 'InvalidObjectState')
    return make('backend-denied', 'the object is in an archive tier; restore it there first');
  if (status === 401 || status === 403) return make('backend-denied', deniedHint(context));
  if (isCertificateProblem(name)) {
    return make(
      'backend-unavailable',
      'the certificate of the endpoint is not trusted; give its authority with --cacert',
    );
  }
  if (NOBODY_THERE.has(name)) {
    const hint = `nobody answers at ${context.host}; the first part of a location is the host, then the bucket`;
    return make('backend-unavailable', hint, context.answered ? 'later' : 'never');
  }
  // 409 is two conditional writes at once, 429 and 503 are throttling; status 0 is a broken or silent connection.
  if (status === 0 || status === 408 || status === 409 || status === 429 || status >= 500 || isTransientName(name)) {
    return make('backend-unavailable', 'the storage did not answer as it should; try again later', 'later');
  }
  return make('backend-unavailable', `the storage refused the request: ${failure.message}`);
}

function isTransientName(name: string): boolean {
  return [
    'RequestTimeout',
    'SlowDown',
    'InternalError',
    'ServiceUnavailable',
    'ThrottlingException',
    'TimeoutError',
  ].includes(name);
}

function isCertificateProblem(name: string): boolean {
  return /CERT|^UNABLE_TO_|SELF_SIGNED|ERR_TLS/.test(name);
}

function authHint(name: string): string {
  if (name.startsWith('Expired'))
    return 'the credentials have expired; sign in again, for example with `aws sso login`';
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') {
    return 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the host a role';
  }
  return 'the storage does not accept these credentials; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or the profile';
}

function deniedHint(context: FailureContext): string {
  const permission: Readonly<Record<string, string>> = {
    read: 's3:GetObject',
    write: 's3:PutObject',
    delete: 's3:DeleteObject',
    list: 's3:ListBucket',
    'look at': 's3:GetObject',
    create: 's3:CreateBucket',
  };
  return `these credentials need ${permission[context.action] ?? 'access'} on ${context.bucket}`;
}

function plainCause(failure: S3Failure): Error {
  const cause = new Error(failure.message);
  cause.name = failure.name === '' ? 'Error' : failure.name;
  return cause;
}
