/** A signer of our own for raw requests: plain, slow, and free to sign wrongly. Written from the documentation, not from the server's code. */
import { createHash, createHmac } from 'node:crypto';
import { type IncomingHttpHeaders, request } from 'node:http';
import type { Keys } from '../harness.ts';

export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
export const hmac = (key: string | Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();

export interface Wish {
  readonly endpoint: string;
  readonly keys: Keys;
  readonly method?: string;
  /** Already encoded. */
  readonly path: string;
  /** Sorted and encoded. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly payloadHash?: string;
  readonly body?: string | Uint8Array;
  readonly time?: number;
  readonly region?: string;
  readonly service?: string;
  /** Headers that are sent and not signed. */
  readonly unsigned?: Readonly<Record<string, string>>;
}

export interface Signed {
  readonly headers: Record<string, string>;
  readonly signature: string;
  readonly key: Buffer;
  readonly amzDate: string;
  readonly scope: string;
}

export function sign(wish: Wish): Signed {
  const { keys, region = 'us-east-1', service = 's3' } = wish;
  const amzDate = new Date(wish.time ?? Date.now()).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const payload = wish.payloadHash ?? sha256(wish.body ?? '');
  const headers: Record<string, string> = {
    host: new URL(wish.endpoint).host,
    'x-amz-content-sha256': payload,
    'x-amz-date': amzDate,
    ...(keys.sessionToken ? { 'x-amz-security-token': keys.sessionToken } : {}),
    ...wish.headers,
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    wish.method ?? 'GET',
    wish.path,
    wish.query ?? '',
    names.map((name) => `${name}:${headers[name]}\n`).join(''),
    names.join(';'),
    payload,
  ].join('\n');
  const scope = `${amzDate.slice(0, 8)}/${region}/${service}/aws4_request`;
  const key = hmac(
    hmac(hmac(hmac(`AWS4${keys.secretAccessKey}`, amzDate.slice(0, 8)), region), service),
    'aws4_request',
  );
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${amzDate}\n${scope}\n${sha256(canonical)}`).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { headers: { ...headers, ...wish.unsigned, authorization }, signature, key, amzDate, scope };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** `<Code>` of an error document. */
  readonly code: string | undefined;
}

/** Sends exactly these headers and bytes. */
export function send(wish: Wish, headers: Record<string, string>): Promise<Answer> {
  const { hostname, port } = new URL(wish.endpoint);
  const path = wish.query ? `${wish.path}?${wish.query}` : wish.path;
  return new Promise((resolve, reject) => {
    const req = request({ hostname, port, path, method: wish.method ?? 'GET', headers }, (res) => {
      const pieces: Buffer[] = [];
      res.on('data', (piece: Buffer) => pieces.push(piece));
      res.on('error', reject);
      res.on('end', () => {
        const text = Buffer.concat(pieces).toString();
        const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1];
        resolve({ status: res.statusCode ?? 0, headers: res.headers, text, code });
      });
    });
    req.on('error', reject);
    req.end(wish.body);
  });
}

/** Signs and sends. */
export function signedRequest(wish: Wish): Promise<Answer> {
  return send(wish, sign(wish).headers);
}
