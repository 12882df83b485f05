/** Where a request says who signed it: the Authorization header, the query of a presigned URL, or nowhere. */
import type { Scope } from './canonical.ts';
import { AuthFault } from './fault.ts';

export interface Authorization {
  readonly by: 'header' | 'query';
  readonly accessKeyId: string;
  readonly scope: Scope;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly amzDate: string;
  /** The same in milliseconds since the epoch. */
  readonly signedAt: number;
  /** Validity of a presigned URL in seconds; null for headers. */
  readonly expiresSeconds: number | null;
  readonly sessionToken: string | null;
}

/** AWS's bound for presigned URLs: 7 days. */
const MAX_EXPIRES_SECONDS = 604_800;

const UNSUPPORTED = 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.';

/** Null for an unsigned request. Throws AuthFault when there is an authorization that cannot be read. */
export function readAuthorization(
  headers: ReadonlyMap<string, readonly string[]>,
  query: URLSearchParams,
): Authorization | null {
  const header = headers.get('authorization')?.[0];
  if (header !== undefined) return fromHeader(header, headers);
  if (query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature')) return fromQuery(query);
  if (query.has('AWSAccessKeyId')) throw new AuthFault('unsupported', UNSUPPORTED);
  return null;
}

function fromHeader(header: string, headers: ReadonlyMap<string, readonly string[]>): Authorization {
  const [algorithm, ...rest] = header.trim().split(/\s+/);
  if (algorithm !== 'AWS4-HMAC-SHA256') throw new AuthFault('unsupported', UNSUPPORTED);
  const fields = new Map<string, string>();
  for (const part of rest.join(' ').split(',')) {
    const at = part.indexOf('=');
    if (at > 0) fields.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  return {
    by: 'header',
    ...credential(fields.get('Credential')),
    signedHeaders: signedHeaders(fields.get('SignedHeaders')),
    signature: present(fields.get('Signature'), 'Signature'),
    ...moment(headers.get('x-amz-date')?.[0] ?? httpDate(headers.get('date')?.[0])),
    expiresSeconds: null,
    sessionToken: headers.get('x-amz-security-token')?.[0] ?? null,
  };
}

function fromQuery(query: URLSearchParams): Authorization {
  if (query.get('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256')
    throw new AuthFault('malformed-query', 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"');
  const expires = Number(query.get('X-Amz-Expires') ?? Number.NaN);
  if (!Number.isInteger(expires) || expires < 1 || expires > MAX_EXPIRES_SECONDS)
    throw new AuthFault('malformed-query', 'X-Amz-Expires must be a number of seconds between 1 and 604800');
  return {
    by: 'query',
    ...credential(query.get('X-Amz-Credential') ?? undefined),
    signedHeaders: signedHeaders(query.get('X-Amz-SignedHeaders') ?? undefined),
    signature: present(query.get('X-Amz-Signature') ?? undefined, 'X-Amz-Signature'),
    ...moment(query.get('X-Amz-Date') ?? undefined),
    expiresSeconds: expires,
    sessionToken: query.get('X-Amz-Security-Token'),
  };
}

function present(value: string | undefined, name: string): string {
  if (!value) throw new AuthFault('malformed', `The authorization header is malformed; missing ${name}.`);
  return value;
}

/** An access key id has no slash, so the scope is what follows the first one. */
function credential(value: string | undefined): { accessKeyId: string; scope: Scope } {
  const [accessKeyId, date, region, service, end, more] = present(value, 'Credential').split('/');
  if (!accessKeyId || !date || !region || !service || end !== 'aws4_request' || more !== undefined)
    throw new AuthFault('malformed', 'The authorization header is malformed; the Credential is mal-formed.');
  return { accessKeyId, scope: { date, region, service } };
}

function signedHeaders(value: string | undefined): string[] {
  const names = present(value, 'SignedHeaders').split(';');
  if (!names.includes('host')) throw new AuthFault('malformed', 'SignedHeaders must contain host.');
  return names;
}

function moment(amzDate: string | undefined): { amzDate: string; signedAt: number } {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(amzDate ?? '') ?? [];
  if (amzDate === undefined || s === undefined)
    throw new AuthFault('no-date', 'AWS authentication requires a valid Date or x-amz-date header');
  return { amzDate, signedAt: Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s)) };
}

function httpDate(value: string | undefined): string | undefined {
  const time = Date.parse(value ?? '');
  return Number.isNaN(time) ? undefined : new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, '');
}
