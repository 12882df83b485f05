import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { s3Client, sandbox } from '../harness.ts';
import { hmac, send, sha256, sign, signedRequest, type Wish } from './signer.ts';

const box = await sandbox();
const s3 = s3Client(box);
const keys = box.adminCredentials;
const base: Wish = { endpoint: box.endpoint, keys, path: '/auth/k' };
const MINUTE = 60_000;

async function stored(Key: string): Promise<string | undefined> {
  return (await s3.send(new GetObjectCommand({ Bucket: 'auth', Key }))).Body?.transformToString();
}

beforeAll(async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'auth' }));
  await s3.send(new PutObjectCommand({ Bucket: 'auth', Key: 'k', Body: 'secret' }));
});

describe('a signature in the header', () => {
  test('that is right is accepted', async () => {
    expect(await signedRequest(base)).toMatchObject({ status: 200, text: 'secret' });
  });

  test('with another secret is SignatureDoesNotMatch and says what was signed', async () => {
    const answer = await signedRequest({ ...base, keys: { ...keys, secretAccessKey: 'wrong' } });
    expect(answer).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
    expect(answer.text).toContain('<StringToSign>AWS4-HMAC-SHA256');
    expect(answer.text).not.toContain(keys.secretAccessKey);
  });

  test('of an unknown key is InvalidAccessKeyId', async () => {
    const answer = await signedRequest({ ...base, keys: { ...keys, accessKeyId: 'AKIAUNKNOWNUNKNOWN00' } });
    expect(answer).toMatchObject({ status: 403, code: 'InvalidAccessKeyId' });
  });

  test.each([-16, 16])('that is %s minutes off is RequestTimeTooSkewed', async (minutes) => {
    const answer = await signedRequest({ ...base, time: Date.now() + minutes * MINUTE });
    expect(answer).toMatchObject({ status: 403, code: 'RequestTimeTooSkewed' });
  });

  test.each([-14, 14])('that is %s minutes off is accepted', async (minutes) => {
    expect((await signedRequest({ ...base, time: Date.now() + minutes * MINUTE })).status).toBe(200);
  });

  test.each<[string, (headers: Record<string, string>) => void, string]>([
    [
      'method of another algorithm',
      (h) => {
        h.authorization = 'Basic abc';
      },
      'InvalidRequest',
    ],
    [
      'broken credential',
      (h) => {
        h.authorization = (h.authorization ?? '').replace('/aws4_request', '');
      },
      'AuthorizationHeaderMalformed',
    ],
    [
      'no signature',
      (h) => {
        h.authorization = (h.authorization ?? '').replace(/, Signature=.*/, '');
      },
      'AuthorizationHeaderMalformed',
    ],
    [
      'no date',
      (h) => {
        delete h['x-amz-date'];
      },
      'AccessDenied',
    ],
    [
      'no payload hash',
      (h) => {
        delete h['x-amz-content-sha256'];
      },
      'MissingSecurityHeader',
    ],
    [
      'an added header of AWS',
      (h) => {
        h['x-amz-storage-class'] = 'GLACIER';
      },
      'AccessDenied',
    ],
    [
      'a session token out of nowhere',
      (h) => {
        h['x-amz-security-token'] = 'abc';
      },
      'InvalidToken',
    ],
    [
      'another host',
      (h) => {
        h.host = 'example.org';
      },
      'SignatureDoesNotMatch',
    ],
  ])('with %s is refused', async (_title, change, code) => {
    const { headers } = sign(base);
    change(headers);
    expect(await send(base, headers)).toMatchObject({ code });
  });

  test('with any single change of path, query or payload hash is refused', async () => {
    const { headers } = sign(base);
    for (const wish of [
      { ...base, path: '/auth/K' },
      { ...base, query: 'versionId=null' },
      { ...base, method: 'DELETE' },
    ])
      expect(await send(wish, headers)).toMatchObject({ code: 'SignatureDoesNotMatch' });
  });

  test('may name a service that is not there', async () => {
    expect(await signedRequest({ ...base, service: 'dynamodb' })).toMatchObject({
      status: 400,
      code: 'UnknownService',
    });
  });

  test('is right for any key, by the SDK’s signer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), async (name) => {
        // Dot segments are taken away by every HTTP client.
        fc.pre(!name.split('/').some((part) => part === '.' || part === '..' || part === ''));
        const Key = `any/${name}`;
        await s3.send(new PutObjectCommand({ Bucket: 'auth', Key, Body: name }));
        expect(await stored(Key)).toBe(name);
      }),
      { seed: 6, numRuns: 40, examples: [["a+b c%20d&e=f;g:h@i,j$k!l'(m)*n~o"], ['ü/ж/漢/😀'], ['a?b#c[d]']] },
    );
  });
});

describe('without a signature', () => {
  test('a private object is AccessDenied', async () => {
    expect(await send(base, {})).toMatchObject({ status: 403, code: 'AccessDenied' });
  });

  test('other services ask for an authentication token', async () => {
    const wish: Wish = { ...base, method: 'POST', path: '/', body: 'Action=GetCallerIdentity&Version=2011-06-15' };
    const answer = await send(wish, { 'content-type': 'application/x-www-form-urlencoded' });
    expect(answer).toMatchObject({ status: 403, code: 'MissingAuthenticationToken' });
  });
});

describe('a presigned URL', () => {
  const presign = (more: { expires?: number; time?: number; method?: string } = {}): Wish => {
    const amzDate = new Date(more.time ?? Date.now()).toISOString().replace(/[-:]|\.\d{3}/g, '');
    const scope = `${amzDate.slice(0, 8)}/us-east-1/s3/aws4_request`;
    const query = [
      'X-Amz-Algorithm=AWS4-HMAC-SHA256',
      `X-Amz-Credential=${encodeURIComponent(`${keys.accessKeyId}/${scope}`)}`,
      `X-Amz-Date=${amzDate}`,
      `X-Amz-Expires=${more.expires ?? 60}`,
      'X-Amz-SignedHeaders=host',
    ].join('&');
    const method = more.method ?? 'GET';
    const canonical = [
      method,
      base.path,
      query,
      `host:${new URL(box.endpoint).host}\n`,
      'host',
      'UNSIGNED-PAYLOAD',
    ].join('\n');
    const key = hmac(
      hmac(hmac(hmac(`AWS4${keys.secretAccessKey}`, amzDate.slice(0, 8)), 'us-east-1'), 's3'),
      'aws4_request',
    );
    const signature = hmac(key, `AWS4-HMAC-SHA256\n${amzDate}\n${scope}\n${sha256(canonical)}`).toString('hex');
    return { ...base, method, query: `${query}&X-Amz-Signature=${signature}` };
  };

  test('serves until it expires', async () => {
    expect(await send(presign(), {})).toMatchObject({ status: 200, text: 'secret' });
    const expired = await send(presign({ time: Date.now() - 2 * MINUTE }), {});
    expect(expired).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect(expired.text).toContain('Request has expired');
  });

  test('is for its method and its parameters alone', async () => {
    const wish = presign();
    expect(await send({ ...wish, method: 'DELETE' }, {})).toMatchObject({ code: 'SignatureDoesNotMatch' });
    expect(await send({ ...wish, query: `${wish.query}&versionId=null` }, {})).toMatchObject({
      code: 'SignatureDoesNotMatch',
    });
  });

  test('takes an upload', async () => {
    const wish = { ...presign({ method: 'PUT' }), body: 'uploaded' };
    expect((await send(wish, { 'content-length': '8' })).status).toBe(200);
    expect(await stored('k')).toBe('uploaded');
    await s3.send(new PutObjectCommand({ Bucket: 'auth', Key: 'k', Body: 'secret' }));
  });

  test('lasts at most seven days', async () => {
    expect(await send(presign({ expires: 604_801 }), {})).toMatchObject({
      status: 400,
      code: 'AuthorizationQueryParametersError',
    });
  });
});

describe('the body', () => {
  const put: Wish = { ...base, method: 'PUT', path: '/auth/body' };

  test('must have the SHA-256 that was signed', async () => {
    const wish = { ...put, body: 'other', payloadHash: sha256('announced') };
    expect(await signedRequest(wish)).toMatchObject({ status: 400, code: 'XAmzContentSHA256Mismatch' });
    await expect(stored('body')).rejects.toThrow();
  });

  test('may be unsigned', async () => {
    expect((await signedRequest({ ...put, body: 'loose', payloadHash: 'UNSIGNED-PAYLOAD' })).status).toBe(200);
    expect(await stored('body')).toBe('loose');
  });

  test('that ends early leaves the old object', async () => {
    await signedRequest({ ...put, body: 'whole' });
    const { headers } = sign({ ...put, payloadHash: 'UNSIGNED-PAYLOAD' });
    const head = Object.entries({ ...headers, 'content-length': '1000' }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    const { hostname, port } = new URL(box.endpoint);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(`PUT ${put.path} HTTP/1.1\r\n${head.join('')}\r\npart of it`, () => socket.destroy());
      });
      socket.on('close', () => resolve());
    });
    expect(await stored('body')).toBe('whole');
  });

  test('without a length is MissingContentLength', async () => {
    const { headers } = sign({ ...put, payloadHash: 'UNSIGNED-PAYLOAD' });
    expect(await send({ ...put, body: 'x' }, { ...headers, 'transfer-encoding': 'chunked' })).toMatchObject({
      status: 411,
      code: 'MissingContentLength',
    });
  });
});

describe('a body in chunks', () => {
  const PAYLOAD = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
  const EMPTY = sha256('');
  const bytes = Buffer.alloc(200_000, 'chunked ');
  const put: Wish = { ...base, method: 'PUT', path: '/auth/chunked' };

  interface Chunked {
    /** Damages the bytes after they were signed. */
    readonly damage?: (body: Buffer) => Buffer;
    readonly trailer?: boolean;
    readonly size?: number;
  }

  function signedChunks({ damage = (body) => body, trailer = false, size = 65_536 }: Chunked): {
    wish: Wish;
    headers: Record<string, string>;
  } {
    const wish: Wish = {
      ...put,
      payloadHash: trailer ? `${PAYLOAD}-TRAILER` : PAYLOAD,
      headers: {
        'content-encoding': 'aws-chunked',
        'x-amz-decoded-content-length': String(bytes.length),
        ...(trailer ? { 'x-amz-trailer': 'x-amz-checksum-sha1' } : {}),
      },
    };
    const signed = sign(wish);
    let previous = signed.signature;
    const chain = (kind: string, ...rest: string[]): string => {
      previous = hmac(
        signed.key,
        [`AWS4-HMAC-SHA256-${kind}`, signed.amzDate, signed.scope, previous, ...rest].join('\n'),
      ).toString('hex');
      return previous;
    };
    const pieces: Buffer[] = [];
    for (let at = 0; at <= bytes.length; at += size) {
      const chunk = bytes.subarray(at, at + size);
      const signature = chain('PAYLOAD', EMPTY, sha256(chunk));
      pieces.push(
        Buffer.from(`${chunk.length.toString(16)};chunk-signature=${signature}\r\n`),
        chunk,
        Buffer.from('\r\n'),
      );
    }
    pieces.pop();
    if (bytes.length % size === 0) pieces.splice(-2);
    else {
      pieces.push(Buffer.from('\r\n'), Buffer.from(`0;chunk-signature=${chain('PAYLOAD', EMPTY, EMPTY)}\r\n`));
    }
    if (trailer) {
      const value = createHash('sha1').update(bytes).digest('base64');
      const text = `x-amz-checksum-sha1:${value}\n`;
      pieces.push(Buffer.from(`${text.trim()}\r\nx-amz-trailer-signature:${chain('TRAILER', sha256(text))}\r\n`));
    }
    pieces.push(Buffer.from('\r\n'));
    const body = damage(Buffer.concat(pieces));
    return { wish: { ...wish, body }, headers: { ...signed.headers, 'content-length': String(body.length) } };
  }

  test.each([false, true])('signed one by one is accepted (trailer: %s)', async (trailer) => {
    const { wish, headers } = signedChunks({ trailer });
    expect((await send(wish, headers)).status).toBe(200);
    expect(await stored('chunked')).toBe(bytes.toString());
  });

  test('is refused when a byte of a chunk was changed', async () => {
    const damage = (body: Buffer): Buffer => {
      body[100_000] = 0;
      return body;
    };
    const { wish, headers } = signedChunks({ damage });
    expect(await send(wish, headers)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
  });

  test('is refused when a trailing checksum was changed', async () => {
    const damage = (body: Buffer): Buffer =>
      Buffer.from(body.toString('latin1').replace(/sha1:..../, 'sha1:AAAA'), 'latin1');
    const { wish, headers } = signedChunks({ trailer: true, damage });
    expect(await send(wish, headers)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
  });

  test('unsigned with a trailing checksum is verified by it, at any cut of the bytes', async () => {
    const wish = (checksum: string): { wish: Wish; headers: Record<string, string> } => {
      const asked: Wish = {
        ...put,
        payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        headers: { 'x-amz-decoded-content-length': '10', 'x-amz-trailer': 'x-amz-checksum-sha256' },
      };
      const body = `4\r\nabcd\r\n6\r\nefghij\r\n0\r\nx-amz-checksum-sha256:${checksum}\r\n\r\n`;
      return { wish: { ...asked, body }, headers: { ...sign(asked).headers, 'content-length': String(body.length) } };
    };
    const right = wish(createHash('sha256').update('abcdefghij').digest('base64'));
    expect((await send(right.wish, right.headers)).status).toBe(200);
    expect(await stored('chunked')).toBe('abcdefghij');
    const wrong = wish(createHash('sha256').update('x').digest('base64'));
    expect(await send(wrong.wish, wrong.headers)).toMatchObject({ status: 400, code: 'BadDigest' });
  });
});
