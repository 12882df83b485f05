/**
 * A URL that reads one object for a while, without credentials: Signature Version 4 in the query (S3 "Authenticating
 * requests: using query parameters"). Whoever has it can read the object until it expires: not for logs.
 */
import { createHash, createHmac } from 'node:crypto';

export interface PresignOptions {
  /** The object's URL without a query, its path percent-encoded. */
  readonly url: URL;
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string | undefined;
  };
  /** 1 to 604,800. With temporary credentials it ends with them at the latest. */
  readonly seconds: number;
  readonly now: Date;
}

export function presignGet({ url, region, credentials, seconds, now }: PresignOptions): string {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const query: [string, string][] = [
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${credentials.accessKeyId}/${scope}`],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', String(seconds)],
    ...(credentials.sessionToken === undefined
      ? []
      : ([['X-Amz-Security-Token', credentials.sessionToken]] as [string, string][])),
    ['X-Amz-SignedHeaders', 'host'],
  ];
  const canonicalQuery = query.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
  const request = ['GET', url.pathname, canonicalQuery, `host:${url.host}`, '', 'host', 'UNSIGNED-PAYLOAD'].join('\n');
  const text = ['AWS4-HMAC-SHA256', time, scope, createHash('sha256').update(request).digest('hex')].join('\n');
  let key: Buffer = Buffer.from(`AWS4${credentials.secretAccessKey}`);
  for (const part of [time.slice(0, 8), region, 's3', 'aws4_request']) key = hmac(key, part);
  return `${url.origin}${url.pathname}?${canonicalQuery}&X-Amz-Signature=${hmac(key, text).toString('hex')}`;
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** RFC 3986: all but the unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}
