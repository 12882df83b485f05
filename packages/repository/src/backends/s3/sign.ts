/**
 * AWS Signature Version 4 in the Authorization header (IAM user guide, "Create a signed AWS API request"), as S3 wants it:
 * the path is encoded once, and the body's hash goes along. The day's key is kept: it costs four times what a signature does.
 */
import { createHash, createHmac } from 'node:crypto';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** A request before it is signed. */
export interface Unsigned {
  readonly method: string;
  /** Host header: name, and the port where it is not the scheme's own. */
  readonly host: string;
  /** Absolute path, percent-encoded by encodePath(). */
  readonly path: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Further headers, names in lower case; all of them are signed. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Hex SHA-256 of the body. */
  readonly payload: string;
}

export interface Signed {
  /** Path and query as they go over the wire. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** SHA-256 of nothing. */
export const EMPTY_PAYLOAD = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Signs for one region. Holds the last day's key. */
export class Signer {
  readonly #region: string;
  #key: { readonly of: string; readonly key: Buffer } | null = null;

  constructor(region: string) {
    this.#region = region;
  }

  /** Returns the request as it is to be sent. `time` is what the server's clock says. */
  sign(request: Unsigned, credentials: S3Credentials, time: Date): Signed {
    const stamp = time.toISOString().replace(/[-:]|\.\d+/g, '');
    const scope = `${stamp.slice(0, 8)}/${this.#region}/s3/aws4_request`;
    const { accessKeyId, sessionToken } = credentials;
    const headers: (readonly [string, string])[] = [
      ['host', request.host],
      ['x-amz-content-sha256', request.payload],
      ['x-amz-date', stamp],
      ...(sessionToken === undefined ? [] : [['x-amz-security-token', sessionToken] as const]),
      ...request.headers,
    ];
    headers.sort(byName);
    const names = headers.map(([name]) => name).join(';');
    const query = encodeQuery(request.query);
    const canonical = [
      request.method,
      request.path,
      query,
      ...headers.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, ' ')}`),
      '',
      names,
      request.payload,
    ].join('\n');
    const text = `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`;
    const signature = createHmac('sha256', this.#dayKey(credentials, stamp.slice(0, 8)))
      .update(text)
      .digest('hex');
    const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
    return {
      target: query === '' ? request.path : `${request.path}?${query}`,
      headers: [...headers, ['authorization', authorization]],
    };
  }

  #dayKey({ secretAccessKey }: S3Credentials, day: string): Buffer {
    const of = `${day} ${secretAccessKey}`;
    if (this.#key?.of !== of) {
      let key: string | Buffer = `AWS4${secretAccessKey}`;
      for (const part of [day, this.#region, 's3', 'aws4_request'])
        key = createHmac('sha256', key).update(part).digest();
      this.#key = { of, key: key as Buffer };
    }
    return this.#key.key;
  }
}

/** Percent-encodes a path: all but the unreserved characters of RFC 3986 and the slashes. */
export function encodePath(path: string): string {
  return path.split('/').map(encode).join('/');
}

function encodeQuery(query: Unsigned['query']): string {
  return query
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(byName)
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** By code unit: what is compared is ASCII. No name comes twice. */
function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}
