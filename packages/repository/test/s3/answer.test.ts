/** Reading HTTP answers: whatever the framing and wherever the pieces end, the same as Node's own client reads. */
import { get } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, AnswerReader, BrokenAnswer, type Room } from '../../src/backends/s3/http/answer.ts';
import { expectBytes, patternBytes } from '../conformance.ts';

const SCRATCH = 4096;

/** Feeds `bytes` in pieces of the given sizes, then all the rest; ends the connection if the answer is not complete by then. */
function read(
  bytes: Uint8Array,
  sizes: readonly number[] = [],
  method = 'GET',
  room: Room = () => null,
): Answer | null {
  const reader = new AnswerReader(method, Buffer.alloc(SCRATCH), room);
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const place = reader.next();
    const count = Math.min(sizes[i] ?? bytes.length, place.length, bytes.length - at);
    place.set(bytes.subarray(at, at + count));
    reader.took(count);
    at += count;
  }
  if (reader.answer === null) reader.ended();
  return reader.answer;
}

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

/** An answer as bytes, and the body that is in it. */
interface Sample {
  readonly wire: Buffer;
  readonly body: Buffer;
}

const sample: fc.Arbitrary<Sample> = fc
  .record({
    interim: fc.constantFrom('', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'),
    status: fc.constantFrom(200, 206, 400, 403, 404, 500, 503),
    fields: fc.array(fc.tuple(fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,15}$/), fc.stringMatching(/^[!-~]{0,20}$/)), {
      maxLength: 6,
    }),
    length: fc.oneof(fc.nat(20), fc.nat(20_000)),
    framing: fc.constantFrom('length', 'chunked', 'until-close'),
    chunks: fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 20 }),
  })
  .map(({ interim, status, fields, length, framing, chunks }) => {
    const body = Buffer.from(patternBytes(length, length + 1));
    const own = /^(content-length|transfer-encoding|connection|keep-alive|trailer|upgrade|te|proxy-.*)$/i;
    const lines = fields.filter(([name]) => !own.test(name)).map(([name, value]) => `${name}: ${value}\r\n`);
    const frame = {
      length: `CONTENT-Length: ${length}\r\n`,
      chunked: 'Transfer-Encoding: chunked\r\n',
      'until-close': '',
    };
    const head = `${interim}HTTP/1.1 ${status} Said\r\n${lines.join('')}${frame[framing]}\r\n`;
    return { body, wire: Buffer.concat([ascii(head), framing === 'chunked' ? chunked(body, chunks) : body]) };
  });

function chunked(body: Buffer, sizes: readonly number[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < body.length; i++) {
    const piece = body.subarray(at, at + (sizes[i] ?? body.length));
    parts.push(ascii(`${piece.length.toString(16)}${i % 2 === 0 ? '' : ';name="value"'}\r\n`), piece, ascii('\r\n'));
    at += piece.length;
  }
  return Buffer.concat([...parts, ascii(`0\r\n${sizes.length % 2 === 0 ? '' : 'X-Trailer: 1\r\n'}\r\n`)]);
}

test('an answer in any framing and any pieces has its status and its body', () => {
  fc.assert(
    fc.property(sample, fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 50 }), ({ wire, body }, sizes) => {
      const answer = read(wire, sizes);
      expectBytes(answer?.body ?? new Uint8Array(), body);
    }),
    { seed: 20261122, numRuns: 500 },
  );
});

describe('beside Node’s own client', () => {
  let server: Server;
  let wire: Buffer;
  beforeAll(async () => {
    server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(wire));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => void server.close());

  /** Status, headers and body as Node reads them. */
  function reference(): Promise<[number | undefined, Record<string, unknown>, Buffer]> {
    return new Promise((resolve, reject) => {
      get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => resolve([answer.statusCode, answer.headersDistinct, Buffer.concat(chunks)]));
      }).on('error', reject);
    });
  }

  test('status, header fields and body are the same', async () => {
    await fc.assert(
      fc.asyncProperty(sample, async (one) => {
        wire = one.wire;
        const [status, headers, body] = await reference();
        const answer = read(wire) as Answer;
        expect(answer.status).toBe(status);
        const joined = Object.entries(headers).map(([name, values]) => [name, (values as string[]).join(', ')]);
        expect(Object.fromEntries(answer.headers)).toEqual(Object.fromEntries(joined));
        expectBytes(answer.body, body);
      }),
      { seed: 20261122, numRuns: 100 },
    );
  });
});

describe('where bodies go', () => {
  test('a body of known length lies in the memory that is given for it, and nowhere else', () => {
    const memory = new Uint8Array(new SharedArrayBuffer(100)).fill(7);
    const body = patternBytes(60, 5);
    const wire = Buffer.concat([ascii('HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n'), body]);
    for (const sizes of [[], [10, 40, 3, 1, 7]]) {
      const answer = read(wire, sizes, 'GET', (_, length) => memory.subarray(20, 20 + length));
      expect(answer?.body.buffer).toBe(memory.buffer);
      expectBytes(memory.slice(20, 80), body);
      expect([...memory.subarray(0, 20), ...memory.subarray(80)].every((byte) => byte === 7)).toBe(true);
    }
  });

  test('answers to HEAD, and those with 204 and 304, have no body whatever they say', () => {
    const of = (status: number) => ascii(`HTTP/1.1 ${status} X\r\ncontent-length: 5000\r\n\r\n`);
    expect(read(of(200), [], 'HEAD')?.headers.get('content-length')).toBe('5000');
    for (const status of [204, 304]) expect(read(of(status))?.body).toHaveLength(0);
  });

  test('what is refused when the head is known is not read', () => {
    const refusal = new Error('not this one');
    const room: Room = (head, length) => {
      expect([head.status, length]).toEqual([200, 9]);
      throw refusal;
    };
    expect(() => read(ascii('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n'), [], 'GET', room)).toThrow(refusal);
  });
});

test.each([
  ['HTTP/1.1 200 OK\r\n\r\n', false],
  ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', true],
  ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: Close\r\n\r\n', false],
  ['HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n', false],
  ['HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n', true],
])('%j leaves a connection that can be used again: %s', (wire, persistent) => {
  expect(read(ascii(wire))?.persistent).toBe(persistent);
});

test.each([
  ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
  ['a head that breaks off', 'HTTP/1.1 200 OK\r\ncontent-le'],
  ['a body that breaks off', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
  ['chunks that break off', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc'],
  ['chunks without an end', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ['a chunk longer than it says', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n'],
  ['a chunk of no size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n'],
  ['more than it says', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabc'],
  ['something after the last chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1'],
  ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc'],
  ['a length that is none', 'HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nab'],
  ['an unknown coding', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
  ['a continued header field', 'HTTP/1.1 200 OK\r\na: b\r\n c\r\ncontent-length: 0\r\n\r\n'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n'],
  ['another protocol to switch to', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ['a head without end', `HTTP/1.1 200 OK\r\na: ${'b'.repeat(SCRATCH)}`],
])('%s is a broken connection', (_, wire) => {
  expect(() => read(ascii(wire))).toThrow(BrokenAnswer);
  expect(() => read(ascii(wire), Array(wire.length).fill(1))).toThrow(BrokenAnswer);
});
