/**
 * Instance metadata, version 2: a session token by PUT, then GET with the token. One server on a loopback port of
 * its own per instance. Requests without a token answer 401; those with X-Forwarded-For are refused, as on AWS.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { listenNear } from '../instance/listen.ts';

/** Content below /latest: text, null when there is nothing at the path. */
export type MetadataSource = (path: string) => string | null;

export interface MetadataServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface MetadataOptions {
  /** Port on 127.0.0.1 to try first; a free one when it is taken or 0. */
  readonly port: number;
  /** Whether GET without a token is served too (HttpTokens optional). */
  tokensOptional(): boolean;
  /** False answers every request with 403 (HttpEndpoint disabled). */
  enabled(): boolean;
  readonly source: MetadataSource;
  readonly now: () => number;
}

const MAX_TOKEN_SECONDS = 21_600;

export async function startMetadataServer(options: MetadataOptions): Promise<MetadataServer> {
  const tokens = new Map<string, number>();
  const server = createServer({ keepAliveTimeout: 1000 }, (request, response) => {
    const { status, body, headers } = answer(request, tokens, options);
    response.writeHead(status, {
      Server: 'HostarkSandbox',
      'Content-Type': 'text/plain',
      'Content-Length': Buffer.byteLength(body),
      ...headers,
    });
    response.end(body);
  });
  const port = await listenNear(server, options.port);
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Record<string, string>;
}

function answer(request: IncomingMessage, tokens: Map<string, number>, options: MetadataOptions): Answer {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  if (request.headers['x-forwarded-for'] !== undefined || !options.enabled()) return { status: 403, body: 'Forbidden' };
  if (path === '/latest/api/token') return issue(request, tokens, options.now());
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: 'Method Not Allowed' };
  const token = request.headers['x-aws-ec2-metadata-token'];
  const valid = typeof token === 'string' && (tokens.get(token) ?? 0) > options.now();
  if (!valid && (token !== undefined || !options.tokensOptional())) return { status: 401, body: 'Unauthorized' };
  const content = path.startsWith('/latest/') ? options.source(path.slice('/latest/'.length)) : null;
  return content === null ? { status: 404, body: 'Not Found' } : { status: 200, body: content };
}

function issue(request: IncomingMessage, tokens: Map<string, number>, now: number): Answer {
  if (request.method !== 'PUT') return { status: 405, body: 'Method Not Allowed', headers: { Allow: 'OPTIONS, PUT' } };
  const seconds = Number(request.headers['x-aws-ec2-metadata-token-ttl-seconds']);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_TOKEN_SECONDS)
    return { status: 400, body: 'Bad Request' };
  for (const [old, until] of tokens) if (until <= now) tokens.delete(old);
  const token = randomBytes(42).toString('base64');
  tokens.set(token, now + seconds * 1000);
  return { status: 200, body: token, headers: { 'X-aws-ec2-metadata-token-ttl-seconds': String(seconds) } };
}
