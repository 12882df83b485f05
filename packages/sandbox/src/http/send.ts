/** Answers out: strings and buffers at once, files through two reused buffers, so that a byte costs two copies and no garbage. */
import { type FileHandle, open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import type { FileSlice, SandboxResponse } from './service.ts';

/** Large enough to make system calls rare, small enough to stay in the second-level cache. */
const BUFFER_BYTES = 512 * 1024;

export const SERVER_NAME = 'HostarkSandbox';

/** Body length in bytes. */
export function bodyLength(body: SandboxResponse['body']): number {
  if (body === undefined) return 0;
  if (typeof body === 'string') return Buffer.byteLength(body);
  if (body instanceof Uint8Array) return body.length;
  return body.files.reduce((sum, slice) => sum + slice.length, 0);
}

export interface SendOptions {
  readonly requestId: string;
  /** For HEAD: headers only. */
  readonly headOnly: boolean;
  /** Break the connection after half of the body. */
  readonly truncate: boolean;
  /** Close the connection after this answer. */
  readonly close: boolean;
}

/** Sends; resolves with the body bytes sent when the client has them all or is gone. */
export async function send(res: ServerResponse, answer: SandboxResponse, options: SendOptions): Promise<number> {
  const length = bodyLength(answer.body);
  const given = Object.keys(answer.headers ?? {}).some((name) => name.toLowerCase() === 'content-length');
  const bodiless = answer.status === 204 || answer.status === 304;
  res.writeHead(answer.status, {
    Server: SERVER_NAME,
    'x-amz-request-id': options.requestId,
    'x-amz-id-2': Buffer.from(options.requestId).toString('base64'),
    'x-amzn-RequestId': options.requestId,
    ...(given || bodiless ? {} : { 'Content-Length': String(length) }),
    ...(options.close ? { Connection: 'close' } : {}),
    ...answer.headers,
  });
  const limit = options.truncate ? Math.floor(length / 2) : length;
  let sent = 0;
  if (!options.headOnly && answer.body !== undefined && !bodiless) {
    if (typeof answer.body === 'object' && 'files' in answer.body)
      sent = await sendFiles(res, answer.body.files, limit);
    else {
      const bytes = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
      await write(res, bytes.subarray(0, limit));
      sent = limit;
    }
  }
  if (options.truncate) res.socket?.resetAndDestroy();
  // A response that is closed already calls nobody back.
  else if (!res.destroyed) await new Promise<void>((resolve) => res.end(() => resolve()).once('close', resolve));
  return sent;
}

async function sendFiles(res: ServerResponse, files: readonly FileSlice[], limit: number): Promise<number> {
  // While the socket takes one buffer, the other is filled.
  const buffers = [Buffer.allocUnsafe(BUFFER_BYTES), Buffer.allocUnsafe(BUFFER_BYTES)] as const;
  const writes: [Promise<void>, Promise<void>] = [Promise.resolve(), Promise.resolve()];
  let turn: 0 | 1 = 0;
  let sent = 0;
  for (const slice of files) {
    const file: FileHandle = await open(slice.path, 'r');
    try {
      let at = 0;
      while (at < slice.length && sent < limit && !res.destroyed) {
        await writes[turn];
        const want = Math.min(BUFFER_BYTES, slice.length - at, limit - sent);
        const { bytesRead } = await file.read(buffers[turn], 0, want, slice.start + at);
        if (bytesRead === 0) throw new Error(`${slice.path} is shorter than its record`);
        writes[turn] = write(res, buffers[turn].subarray(0, bytesRead));
        at += bytesRead;
        sent += bytesRead;
        turn = turn === 0 ? 1 : 0;
      }
    } finally {
      await file.close();
    }
  }
  await Promise.all(writes);
  return sent;
}

/** Resolves when the bytes may be overwritten, or the client is gone. */
function write(res: ServerResponse, bytes: Uint8Array): Promise<void> {
  if (res.destroyed || bytes.length === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      res.off('close', done);
      resolve();
    };
    res.once('close', done);
    res.write(bytes, done);
  });
}
