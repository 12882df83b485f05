/**
 * A small S3-compatible endpoint with one bucket, for what Amazon's own would never do: unknown conditions, ignored
 * ranges, answers that break off, redirects. It checks payload hashes, not signatures; the sandbox package does that.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as it came. */
export interface SeenRequest {
  readonly method: string;
  /** Path below the bucket, decoded; '' for the bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface PlainS3 {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  readonly objects: Map<string, Buffer>;
  readonly seen: SeenRequest[];
  /** Sockets opened so far. */
  connections: number;
  /** Answers a request in its own way when it returns true. */
  interfere: (request: SeenRequest, response: ServerResponse) => boolean;
  /** Keys per page of a listing. */
  pageSize: number;
  stop(): Promise<void>;
}

export const BUCKET = 'backups';

/** Answers with an S3 error document. */
export function answerError(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
): true {
  response.writeHead(status, { 'content-type': 'application/xml', ...headers });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code} for a test</Message></Error>`);
  return true;
}

export async function startPlainS3(): Promise<PlainS3> {
  const server = createServer((message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('error', () => {});
    message.on('end', () => serve(plain, message, Buffer.concat(chunks), response));
  });
  const plain: PlainS3 = {
    endpoint: '',
    objects: new Map(),
    seen: [],
    connections: 0,
    interfere: () => false,
    pageSize: 4,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  server.on('connection', () => plain.connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(plain, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

function serve(plain: PlainS3, message: IncomingMessage, body: Buffer, response: ServerResponse): unknown {
  const url = new URL(message.url ?? '/', plain.endpoint);
  const [bucket = '', ...rest] = url.pathname.slice(1).split('/').map(decodeURIComponent);
  const request: SeenRequest = {
    method: message.method ?? '',
    key: rest.join('/'),
    query: url.searchParams,
    headers: message.headers,
    body,
  };
  plain.seen.push(request);
  if (plain.interfere(request, response)) return;
  if (bucket !== BUCKET) return answerError(response, 404, 'NoSuchBucket');
  if (request.key === '') return request.method === 'GET' ? list(plain, request, response) : response.end();
  const stored = plain.objects.get(request.key);
  if (request.method === 'PUT') return put(plain, request, stored, response);
  if (request.method === 'DELETE') {
    plain.objects.delete(request.key);
    return response.writeHead(204).end();
  }
  if (stored === undefined) return answerError(response, 404, 'NoSuchKey');
  return get(request, stored, response);
}

function put(plain: PlainS3, request: SeenRequest, stored: Buffer | undefined, response: ServerResponse): unknown {
  const sha256 = createHash('sha256').update(request.body).digest();
  const { headers } = request;
  if (headers['x-amz-content-sha256'] !== sha256.toString('hex')) {
    return answerError(response, 400, 'XAmzContentSHA256Mismatch');
  }
  const checksum = headers['x-amz-checksum-sha256'];
  if (checksum !== undefined && checksum !== sha256.toString('base64')) return answerError(response, 400, 'BadDigest');
  if (headers['if-none-match'] === '*' && stored !== undefined) return answerError(response, 412, 'PreconditionFailed');
  plain.objects.set(request.key, request.body);
  return response.end();
}

function get(request: SeenRequest, stored: Buffer, response: ServerResponse): unknown {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (range === null) {
    response.writeHead(200, { 'content-length': stored.length });
    return response.end(request.method === 'HEAD' ? undefined : stored);
  }
  const from = Number(range[1]);
  const to = Math.min(Number(range[2]), stored.length - 1);
  if (from > to) return answerError(response, 416, 'InvalidRange');
  response.writeHead(206, { 'content-length': to - from + 1, 'content-range': `bytes ${from}-${to}/${stored.length}` });
  return response.end(stored.subarray(from, to + 1));
}

function list(plain: PlainS3, request: SeenRequest, response: ServerResponse): unknown {
  const prefix = request.query.get('prefix') ?? '';
  const after = request.query.get('continuation-token') ?? '';
  const flat = request.query.get('delimiter') === '/';
  const keys = [...plain.objects.keys()]
    .filter((key) => key.startsWith(prefix) && key > after && !(flat && key.slice(prefix.length).includes('/')))
    .sort();
  const page = keys.slice(0, plain.pageSize);
  const more = keys.length > page.length;
  const contents = page.map(
    (key) => `<Contents><Key>${key}</Key><Size>${plain.objects.get(key)?.length}</Size></Contents>`,
  );
  response.writeHead(200, { 'content-type': 'application/xml' });
  return response.end(
    `<?xml version="1.0"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${contents.join('')}` +
      `${more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : ''}</ListBucketResult>`,
  );
}
