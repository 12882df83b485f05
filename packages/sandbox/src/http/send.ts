/** Answers out: strings and buffers at once, files through two reused buffers, so that a byte costs two copies and no garbage. */
import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import type { FileSlice, SandboxResponse } from './service.ts';

/** Files up to this size together are read at once: quicker than trips to the thread pool. */
const SMALL_BYTES = 64 * 1024;

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
  /** The sandbox's clock; clients set theirs by it. */
  readonly time: number;
  /** For HEAD: headers only. */
  readonly headOnly: boolean;
  /** Break the connection after half of the body. */
  readonly truncate: boolean;
  /** Close the connection after this answer. */
  readonly close: boolean;
}

/** Sends; resolves with the body bytes sent when the client has them all or is gone. */
export async function send(res: ServerResponse, answer: SandboxResponse, options: SendOptions): Promise<number> {
  // A client that left is told nothing, and its connection says "close" no second time.
  if (res.destroyed) return 0;
  const length = bodyLength(answer.body);
  const given = Object.keys(answer.headers ?? {}).some((name) => name.toLowerCase() === 'content-length');
  const bodiless = answer.status === 204 || answer.status === 304;
  res.writeHead(answer.status, {
    Server: SERVER_NAME,
    Date: new Date(options.time).toUTCString(),
    'x-amz-request-id': options.requestId,
    'x-amz-id-2': Buffer.from(options.requestId).toString('base64'),
    'x-amzn-RequestId': options.requestId,
    ...(given || bodiless ? {} : { 'Content-Length': String(length) }),
    ...(options.close ? { Connection: 'close' } : {}),
    ...answer.headers,
  });
  const limit = options.truncate ? Math.floor(length / 2) : length;
  let sent = 0;
  let last: Uint8Array | undefined;
  if (!options.headOnly && answer.body !== undefined && !bodiless) {
    if (typeof answer.body === 'string') last = Buffer.from(answer.body).subarray(0, limit);
    else if (answer.body instanceof Uint8Array) last = answer.body.subarray(0, limit);
    else if (length <= SMALL_BYTES) last = readFiles(answer.body.files, length).subarray(0, limit);
    else sent = await sendFiles(res, answer.body.files, limit);
  }
  if (options.truncate) {
    await write(res, last ?? new Uint8Array());
    res.socket?.resetAndDestroy();
  } else if (!res.destroyed) {
    // Head and small body leave in one packet.
    await new Promise<void>((resolve) => {
      res.once('close', resolve);
      if (last === undefined) res.end(resolve);
      else res.end(last, resolve);
    });
  }
  return sent + (last?.length ?? 0);
}

function readFiles(files: readonly FileSlice[], length: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const slice of files) {
    const fd = openSync(slice.path, 'r');
    try {
      if (readSync(fd, bytes, at, slice.length, slice.start) !== slice.length)
        throw new Error(`${slice.path} is shorter than its record`);
    } finally {
      closeSync(fd);
    }
    at += slice.length;
  }
  return bytes;
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
