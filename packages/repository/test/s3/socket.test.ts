/** Connections against real servers on loopback: kept, lost, given up, plain and over TLS. */
import { createServer as createHttp, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Socket, type Server as TcpServer } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HttpClient } from '../../src/backends/s3/http/client.ts';
import type { HttpRequest, Origin } from '../../src/backends/s3/http/socket.ts';
import { expectBytes, patternBytes } from '../conformance.ts';
import { type SelfSigned, selfSigned } from '../support/self-signed.ts';

let certificate: SelfSigned;
let client: HttpClient;
const stops: (() => Promise<void>)[] = [];
beforeAll(() => {
  certificate = selfSigned();
});
beforeEach(() => {
  client = new HttpClient({ maxSockets: 4, connectMs: 5_000, silenceMs: 5_000 });
});
afterEach(async () => {
  client.close();
  for (const stop of stops.splice(0)) await stop();
});

async function listen(server: Server | TcpServer): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  );
  return (server.address() as AddressInfo).port;
}

async function plain(listener: RequestListener): Promise<Origin> {
  return { tls: false, hostname: '127.0.0.1', port: await listen(createHttp(listener)) };
}

async function sealed(listener: RequestListener): Promise<Origin> {
  const port = await listen(createHttps(certificate, listener));
  return { tls: true, hostname: 'localhost', port, authorities: [certificate.cert] };
}

/** A server that is whatever `talk` does with each connection. */
async function raw(talk: (socket: Socket, nth: number) => void): Promise<Origin> {
  let count = 0;
  const port = await listen(createTcp((socket) => talk(socket, count++)));
  return { tls: false, hostname: '127.0.0.1', port };
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const GET: HttpRequest = { method: 'GET', target: '/', headers: [['host', 'x']], body: null };
const content = patternBytes(3_500_000, 3);

describe.each([
  ['plain', plain],
  ['TLS', sealed],
] as const)('over %s', (_, serve) => {
  test('bodies go there and come back, in one piece, in several, and none; one connection serves all', async () => {
    const ports = new Set<number | undefined>();
    const seen: [string | undefined, string | undefined][] = [];
    const origin = await serve(async (request, response) => {
      const body = await bodyOf(request);
      ports.add(request.socket.remotePort);
      seen.push([request.headers['content-length'], request.headers['transfer-encoding']]);
      response.setHeader('content-length', body.length);
      response.end(body);
    });
    const bodies = [[content], [content.subarray(0, 5), new Uint8Array(), content.subarray(5, 2_000_000)], []];
    for (const body of bodies) {
      const answer = await client.request(origin, { ...GET, method: 'PUT', body }, false);
      expectBytes(answer.body, Buffer.concat(body));
    }
    expect(seen).toEqual([
      ['3500000', undefined],
      ['2000000', undefined],
      ['0', undefined],
    ]);
    expect(ports.size).toBe(1);
  });

  test('a body arrives in shared memory that the caller has', async () => {
    const origin = await serve((_request, response) => {
      response.setHeader('content-length', content.length);
      response.end(content);
    });
    const memory = new Uint8Array(new SharedArrayBuffer(content.length + 10));
    for (let i = 0; i < 3; i++) {
      memory.fill(0);
      const room = (_head: unknown, length: number): Uint8Array => memory.subarray(5, 5 + length);
      const answer = await client.request(origin, { ...GET, room }, false);
      expect(answer.body.buffer).toBe(memory.buffer);
      expectBytes(memory.slice(5, -5), content);
      expect([...memory.subarray(0, 5), ...memory.subarray(-5)]).toEqual(Array(10).fill(0));
    }
  });

  test('an abort while a body is sent, and one while it is read, end with the reason; the next request is well', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const origin = await serve((request, response) => {
      if (request.url === '/stuck') request.once('data', () => abort.abort(reason));
      else if (request.url === '/slow')
        response.writeHead(200, { 'content-length': 10 }).write('abc', () => again.abort(reason));
      else response.end('well');
    });
    const again = new AbortController();
    const put = {
      ...GET,
      method: 'PUT',
      target: '/stuck',
      body: [content, content, content, content],
      signal: abort.signal,
    };
    await expect(client.request(origin, put, false)).rejects.toBe(reason);
    const memory = new Uint8Array(10);
    const slow = { ...GET, target: '/slow', room: () => memory, signal: again.signal };
    await expect(client.request(origin, slow, false)).rejects.toBe(reason);
    expect(Buffer.from((await client.request(origin, GET, false)).body).toString()).toBe('well');
  });
});

test('a certificate that nobody vouches for is refused, and one for another name', async () => {
  const origin = await sealed((_request, response) => response.end());
  const { authorities: _, ...unknown } = origin;
  await expect(client.request(unknown, GET, false)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  const misnamed = new HttpClient({ maxSockets: 1, connectMs: 5_000, silenceMs: 5_000 });
  await expect(misnamed.request({ ...origin, hostname: '127.0.0.1' }, GET, false)).rejects.toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
  misnamed.close();
});

test('a second TLS connection continues the session of the first', async () => {
  const reused: boolean[] = [];
  const origin = await sealed((request, response) => {
    reused.push((request.socket as TLSSocket).isSessionReused());
    response.end('x');
  });
  await client.request(origin, GET, false);
  await client.request(origin, GET, true);
  expect(reused).toEqual([false, true]);
});

test('requests at the same time go over connections of their own, up to the bound; the others wait', async () => {
  let now = 0;
  let most = 0;
  const ports = new Set<number | undefined>();
  const origin = await plain((request, response) => {
    ports.add(request.socket.remotePort);
    most = Math.max(most, ++now);
    setImmediate(() => {
      now--;
      response.end('x');
    });
  });
  await Promise.all(Array.from({ length: 30 }, () => client.request(origin, GET, false)));
  expect(most).toBeLessThanOrEqual(4);
  expect(ports.size).toBe(4);
});

test('who waits for a connection can be aborted, and the others still get theirs', async () => {
  const held: (() => void)[] = [];
  const origin = await plain((_request, response) => void held.push(() => response.end('x')));
  const abort = new AbortController();
  const first = Array.from({ length: 4 }, () => client.request(origin, GET, false));
  const given = client.request(origin, { ...GET, signal: abort.signal }, false);
  const last = client.request(origin, GET, false);
  while (held.length < 4) await new Promise(setImmediate);
  abort.abort(new Error('enough'));
  for (const release of held.splice(0)) release();
  await expect(given).rejects.toThrow('enough');
  await Promise.all(first);
  while (held.length < 1) await new Promise(setImmediate);
  held[0]?.();
  expect((await last).status).toBe(200);
});

test('a connection that the server closed while it rested fails or is passed over, and a new one serves', async () => {
  const sockets: Socket[] = [];
  const origin = await plain((request, response) => {
    sockets.push(request.socket);
    response.end('x');
  });
  await client.request(origin, GET, false);
  sockets[0]?.destroy();
  const again = await client.request(origin, GET, false).catch(() => client.request(origin, GET, true));
  expect(again.status).toBe(200);
  expect(sockets).toHaveLength(2);
});

test('an answer before the request is complete is heard, and the connection is not used again', async () => {
  const origin = await raw((socket, nth) => {
    socket.once('data', () => {
      if (nth > 0) return socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      // It reads on, as a polite server does, but has said all it wants to.
      socket.write('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno');
      return socket.pause();
    });
  });
  const put = { ...GET, method: 'PUT', body: Array.from({ length: 20 }, () => content) };
  const answer = await client.request(origin, put, false);
  expect([answer.status, Buffer.from(answer.body).toString()]).toEqual([403, 'no']);
  expect((await client.request(origin, GET, false)).status).toBe(200);
});

test.each([
  ['closes without a word', (socket: Socket) => socket.end()],
  ['closes within an answer', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc')],
  ['resets', (socket: Socket) => socket.resetAndDestroy()],
])('a server that %s is a broken connection', async (_, act) => {
  const origin = await raw((socket) => void socket.once('data', () => act(socket)));
  await expect(client.request(origin, GET, false)).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('silence is given up', async () => {
  const impatient = new HttpClient({ maxSockets: 1, connectMs: 5_000, silenceMs: 50 });
  const origin = await raw((socket) => socket.resume());
  await expect(impatient.request(origin, GET, false)).rejects.toMatchObject({ name: 'TimeoutError' });
  impatient.close();
});

test('nobody there is said by its name', async () => {
  const server = createTcp();
  const port = await listen(server);
  await stops.pop()?.();
  const origin = { tls: false, hostname: '127.0.0.1', port };
  await expect(client.request(origin, GET, false)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('a header that would break out of its line is refused before anything is sent', async () => {
  const origin = await raw((socket) => socket.destroy());
  for (const value of ['a\r\nb: c', 'a\nb', 'žluť'])
    await expect(client.request(origin, { ...GET, headers: [['x', value]] }, false)).rejects.toThrow(TypeError);
});

test('after close nothing is sent any more', async () => {
  const origin = await raw((socket) => socket.resume());
  const asked = client.request(origin, GET, false);
  await new Promise(setImmediate);
  client.close();
  await expect(asked).rejects.toMatchObject({ code: 'ECONNRESET' });
  await expect(client.request(origin, GET, false)).rejects.toThrow('closed');
});
