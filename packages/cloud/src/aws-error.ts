/**
 * From the SDK's errors to ours. What AWS said stays: its code and status in `context`, its error as `cause`.
 * Codes: EC2 "Error codes", S3 "Error responses", IAM and STS "Common errors".
 */
import { HostarkError } from '@hostark/protocol';

/** The parts of an SDK error that are read here; all SDK clients share them. */
interface SdkError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
  readonly code?: string;
}

const AUTH = new Set([
  'AuthFailure',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'InvalidToken',
  'MissingAuthenticationToken',
  'RequestExpired',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'UnrecognizedClientException',
]);
const DENIED = new Set(['AccessDenied', 'AccessDeniedException', 'Forbidden', 'UnauthorizedOperation']);
const UNAVAILABLE = new Set([
  'Throttling',
  'ThrottlingException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'SlowDown',
  'ServiceUnavailable',
  'InternalError',
  'InternalFailure',
  'ServiceFailure',
  'Unavailable',
  'TimeoutError',
  'RequestTimeout',
  'NetworkingError',
]);
const NETWORK = /^(ECONN|ENOTFOUND|EAI_|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)/;

/** Rights whose names are not those of the calls; S3 answers HEAD requests without a word. */
const RIGHTS: Readonly<Record<string, string>> = { 's3:HeadObject': 's3:GetObject', 's3:HeadBucket': 's3:ListBucket' };

/** The right that is missing, as AWS names it: `GetPublicAccessBlock` needs `s3:GetBucketPublicAccessBlock`. */
function rightFor(action: string, message: string): string {
  return /not authorized to perform: ([a-z0-9-]+:\w+)/.exec(message)?.[1] ?? RIGHTS[action] ?? action;
}

/** Maps any thrown value of one call. HostarkErrors pass unchanged. */
export function cloudError(service: string, operation: string, error: unknown): unknown {
  if (error instanceof HostarkError || !(error instanceof Error)) return error;
  const sdk = error as SdkError;
  const action = `${service}:${operation}`;
  const status = sdk.$metadata?.httpStatusCode;
  const bucketRegion = sdk.$response?.headers?.['x-amz-bucket-region'];
  const context = {
    action,
    awsCode: sdk.name,
    ...(status === undefined ? {} : { status }),
    ...(bucketRegion === undefined ? {} : { bucketRegion }),
    ...(sdk.$metadata?.requestId === undefined ? {} : { requestId: sdk.$metadata.requestId }),
  };
  const said = sdk.message === '' || sdk.message === 'UnknownError' ? sdk.name : `${sdk.name}: ${sdk.message}`;
  const cause = withoutRequest(sdk);
  if (sdk.name === 'AbortError') return new HostarkError('interrupted', `${action}: interrupted`, { cause, context });
  if (AUTH.has(sdk.name)) {
    return new HostarkError('cloud-auth', `${action}: the credentials were not accepted: ${said}`, {
      hint: authHint(sdk.name),
      context,
      cause,
    });
  }
  if (DENIED.has(sdk.name) || status === 403) {
    return new HostarkError('cloud-denied', `${action}: not allowed for these credentials: ${said}`, {
      hint: `let the caller's policy allow ${rightFor(action, sdk.message)}, or use a profile that may`,
      context,
      cause,
    });
  }
  if (UNAVAILABLE.has(sdk.name) || NETWORK.test(sdk.code ?? '') || (status !== undefined && status >= 500)) {
    return new HostarkError('cloud-unavailable', `${action}: no answer after several attempts: ${said}`, {
      hint: 'try again later; check the region, the endpoint and the network',
      context,
      retry: 'later',
      cause,
    });
  }
  return new HostarkError('cloud-refused', `${action}: ${said}`, { hint: 'see what AWS says above', context, cause });
}

/** A copy without the raw response: that one carries the request with its signature and session token. */
function withoutRequest(error: SdkError): Error {
  const copy = new Error(error.message, error.cause === undefined ? undefined : { cause: error.cause });
  copy.name = error.name;
  if (error.stack !== undefined) copy.stack = error.stack;
  return copy;
}

function authHint(name: string): string {
  if (name.startsWith('Expired') || name === 'RequestExpired') return 'sign in again (aws sso login) and repeat';
  if (name === 'RequestTimeTooSkewed') return "set this machine's clock: it differs from AWS's by more than 15 minutes";
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') {
    return 'set up credentials: aws configure, aws sso login, --profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
  }
  return 'check the access key, the profile and the endpoint that they belong to';
}

/** Returns AWS's own code of a mapped error ('NoSuchEntity', 'InvalidGroup.NotFound' …), or '' for other errors. */
export function awsCode(error: unknown): string {
  return error instanceof HostarkError ? String(error.context.awsCode ?? '') : '';
}

/** Returns AWS's message of a mapped error, or ''. */
export function awsMessage(error: unknown): string {
  return error instanceof HostarkError && error.cause instanceof Error ? error.cause.message : '';
}

/** Returns the HTTP status of a mapped error, or 0. */
export function awsStatus(error: unknown): number {
  return error instanceof HostarkError ? Number(error.context.status ?? 0) : 0;
}

/** S3 "Redirecting requests": a bucket of another region answers 301 and names its region in a header. Null when it did not. */
export function redirectRegion(error: unknown): string | null {
  const region = error instanceof HostarkError ? error.context.bucketRegion : undefined;
  return typeof region === 'string' ? region : null;
}

/** Awaits a call, and answers null when it failed with one of the codes. */
export async function unless<T>(call: Promise<T>, ...codes: readonly string[]): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (codes.includes(awsCode(error))) return null;
    throw error;
  }
}
