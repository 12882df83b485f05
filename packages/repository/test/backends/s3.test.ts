/** The S3 backend against a plain S3-compatible endpoint: what it sends, and what it makes of strange answers. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Handle } from '../../src/backend.ts';
import { counting } from '../../src/backends/counting.ts';
import { rateLimited } from '../../src/backends/rate-limited.ts';
import { type S3Backend, type S3Options, s3Backend } from '../../src/backends/s3/backend.ts';
import { collect, describeBackend, expectBytes, handleOf, patternBytes } from '../conformance.ts';
import { answerError, BUCKET, type PlainS3, startPlainS3 } from './plain-s3.ts';

const SECRET = 'wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY';
const TOKEN = 'session-token-that-must-not-be-seen';
const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: SECRET, sessionToken: TOKEN };

describeBackend('S3, plain endpoint', async () => {
  const server = await startPlainS3();
  const backend = s3Backend(`s3:${server.endpoint}/${BUCKET}/some/prefix`, { credentials, region: 'eu-west-1' });
  return {
    backend,
    plant: (path, bytes) => void server.objects.set(`some/prefix/${path}`, Buffer.from(bytes)),
    dispose: () => server.stop(),
  };
});

let server: PlainS3;
let backend: S3Backend;
const open = (options: S3Options = {}): S3Backend =>
  s3Backend(`s3:${server.endpoint}/${BUCKET}/repo/`, { credentials, region: 'us-east-1', ...options });

beforeAll(async () => {
  server = await startPlainS3();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.objects.clear();
  server.seen.length = 0;
  server.interfere = () => false;
  backend = open();
});
afterEach(() => backend.close());

const content = patternBytes(70_000, 3);
const pack = handleOf('data', content);
const packKey = `repo/data/${pack.name.slice(0, 2)}/${pack.name}`;
const config: Handle = { type: 'config', name: '' };

describe('what is sent', () => {
  test.each([
    ['one piece', content],
    ['several pieces', [content.subarray(0, 10), content.subarray(10)]],
  ])('a pack in %s is created only, signed and checked by its name', async (_, body) => {
    await backend.save(pack, body);
    expect(server.seen).toHaveLength(1);
    const { method, key, headers } = server.seen[0]!;
    expect([method, key]).toEqual(['PUT', packKey]);
    expect(headers).toMatchObject({
      'if-none-match': '*',
      'x-amz-content-sha256': pack.name,
      'x-amz-checksum-sha256': Buffer.from(pack.name, 'hex').toString('base64'),
      'content-length': '70000',
    });
    expect(
      Object.keys(headers).filter((name) => /crc|sdk-checksum|trailer|expect|transfer-encoding/.test(name)),
    ).toEqual([]);
  });

  test('a config that is replaced carries no condition', async () => {
    await backend.save(config, content);
    await backend.save(config, content.subarray(1));
    expect(server.seen.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, undefined]);
    expectBytes(server.objects.get('repo/config')!, content.subarray(1));
  });

  test('a listing reads all pages', async () => {
    for (let i = 0; i < 11; i++) await backend.save(handleOf('index', patternBytes(40, i)), patternBytes(40, i));
    server.seen.length = 0;
    expect(await collect(backend.list('index'))).toHaveLength(11);
    expect(server.seen).toHaveLength(3);
    expect(server.seen.map(({ query }) => [query.get('prefix'), query.get('delimiter')])).toEqual(
      Array.from({ length: 3 }, () => ['repo/index/', '/']),
    );
  });

  test('archive storage classes are for packs of data alone', async () => {
    const classOf = async (storageClass: string, handle: Handle, metadata = false): Promise<unknown> => {
      server.objects.clear();
      server.seen.length = 0;
      const other = open({ storageClass });
      await other.save(handle, content, { metadata });
      await other.close();
      return server.seen[0]?.headers['x-amz-storage-class'];
    };
    expect(await classOf('DEEP_ARCHIVE', pack)).toBe('DEEP_ARCHIVE');
    expect(await classOf('DEEP_ARCHIVE', pack, true)).toBeUndefined();
    expect(await classOf('DEEP_ARCHIVE', handleOf('index', content))).toBeUndefined();
    expect(await classOf('STANDARD_IA', handleOf('index', content))).toBe('STANDARD_IA');
  });

  test('one load is one request, and connections are used again', async () => {
    await backend.save(pack, content);
    const before = server.connections;
    server.seen.length = 0;
    for (let i = 0; i < 10; i++) await backend.load(pack, { offset: i, length: 100 });
    expect(server.connections).toBe(before);
    expect(server.seen.map(({ method, headers }) => [method, headers.range])).toEqual(
      Array.from({ length: 10 }, (_, i) => ['GET', `bytes=${i}-${i + 99}`]),
    );
  });

  test('a repository at the root of a bucket has keys without a prefix', async () => {
    const root = s3Backend(`s3:${server.endpoint}/${BUCKET}`, { credentials, region: 'us-east-1' });
    await root.save(config, content);
    await root.close();
    expect([...server.objects.keys()]).toEqual(['config']);
  });
});

describe('whether lists show at once what was saved', () => {
  /** Lets each answer carry these fields, then asks once for each. */
  async function judged(...answers: Record<string, string>[]): Promise<boolean | undefined> {
    for (const headers of answers) {
      server.interfere = (_, response) => {
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
        return false;
      };
      await collect(backend.list('locks'));
    }
    return backend.traits?.isCoherent?.();
  }

  test('nobody knows before the first answer', async () => {
    expect(await judged()).toBe(false);
  });

  test.each(['AmazonS3', 'MinIO'])('%s promises it', async (Server) => {
    expect(await judged({ Server })).toBe(true);
    expect(rateLimited(backend, { uploadBps: 1 }).traits?.isCoherent?.()).toBe(true);
    expect(counting(backend).traits?.isCoherent?.()).toBe(true);
  });

  test.each([{}, { Server: 'nginx' }, { Server: 'AmazonS3', Age: '3' }, { Server: 'AmazonS3', Via: '1.1 cache' }])(
    '%o does not, and no later answer takes the doubt away',
    async (headers) => {
      expect(await judged(headers)).toBe(false);
      expect(await judged({ Server: 'AmazonS3' })).toBe(false);
    },
  );
});

describe('endpoints that do not know conditions', () => {
  beforeEach(() => {
    server.interfere = ({ method, headers }, response) =>
      method === 'PUT' && headers['if-none-match'] !== undefined && answerError(response, 501, 'NotImplemented');
  });

  test('are asked once and then written plainly', async () => {
    await backend.save(pack, content);
    const index = handleOf('index', content);
    await backend.save(index, [content.subarray(0, 9), content.subarray(9)]);
    expectBytes(await backend.load(pack), content);
    expectBytes(await backend.load(index), content);
    expect(server.seen.filter(({ headers }) => headers['if-none-match'] !== undefined)).toHaveLength(1);
  });

  test('still refuse a second config', async () => {
    await backend.save(config, content, { createOnly: true });
    await expect(backend.save(config, patternBytes(10), { createOnly: true })).rejects.toMatchObject({
      code: 'repository-exists',
    });
    expectBytes(server.objects.get('repo/config')!, content);
  });
});

describe('answers that get lost', () => {
  test('a config whose first answer was lost counts as created by us', async () => {
    let lost = 1;
    server.interfere = ({ method, key, body }, response) => {
      if (method !== 'PUT' || lost-- <= 0) return false;
      server.objects.set(key, body);
      response.destroy();
      return true;
    };
    await backend.save(config, content, { createOnly: true });
    expectBytes(server.objects.get('repo/config')!, content);
    expect(server.seen.filter(({ method }) => method === 'PUT')).toHaveLength(2);
  });

  test.each([undefined, { offset: 0, length: 50_000 }])(
    'a body that breaks off (range %o) is backend-unavailable, to be tried later',
    async (range) => {
      server.objects.set(packKey, Buffer.from(content));
      server.interfere = ({ method }, response) => {
        if (method !== 'GET') return false;
        response.writeHead(range === undefined ? 200 : 206, { 'content-length': range?.length ?? content.length });
        response.write(content.subarray(0, 1000), () => response.destroy());
        return true;
      };
      await expect(backend.load(pack, range)).rejects.toMatchObject({ code: 'backend-unavailable', retry: 'later' });
    },
  );

  test('a body without an announced length is read to its end', async () => {
    server.interfere = ({ method }, response) => {
      if (method !== 'GET') return false;
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      response.write(content.subarray(0, 33_333));
      response.end(content.subarray(33_333));
      return true;
    };
    expectBytes(await backend.load(pack), content);
  });

  test('an endpoint that ignores ranges is refused, not misread', async () => {
    server.objects.set(packKey, Buffer.from(content));
    server.interfere = (request, response) => {
      if (request.method === 'GET') response.writeHead(200, { 'content-length': content.length }).end(content);
      return request.method === 'GET';
    };
    await expect(backend.load(pack, { offset: 5, length: 10 })).rejects.toMatchObject({
      code: 'backend-unavailable',
      retry: 'never',
      message: expect.stringContaining('ignores byte ranges'),
    });
  });

  test('an abort while the body arrives rejects with its reason', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    server.interfere = ({ method }, response) => {
      if (method !== 'GET') return false;
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 1000), () => abort.abort(reason));
      return true;
    };
    await expect(backend.load(pack, undefined, { signal: abort.signal })).rejects.toBe(reason);
  });
});

describe('a second try', () => {
  const once = (answer: (response: ServerResponse, headers: IncomingHttpHeaders) => boolean): void => {
    let left = 1;
    server.interfere = ({ headers }, response) => left-- > 0 && answer(response, headers);
  };

  beforeEach(() => void server.objects.set(packKey, Buffer.from(content)));

  test.each([500, 502, 503, 504])('is made at once after a single %i', async (status) => {
    once((response) => answerError(response, status, 'SlowDown'));
    expectBytes(await backend.load(pack), content);
    expect(server.seen).toHaveLength(2);
  });

  test('is made by the clock of an answer that calls ours wrong', async () => {
    const theirs = new Date('2031-02-03T04:05:06Z');
    once((response) => answerError(response, 403, 'RequestTimeTooSkewed', { date: theirs.toUTCString() }));
    expectBytes(await backend.load(pack), content);
    expectBytes(await backend.load(pack), content);
    const dates = server.seen.map(({ headers }) => String(headers['x-amz-date']).slice(0, 11));
    expect(dates.slice(1)).toEqual(['20310203T04', '20310203T04']);
    expect(dates[0]).not.toBe(dates[1]);
  });

  test('goes over a new connection when the one that rested is gone', async () => {
    await backend.load(pack);
    once((response) => {
      response.socket?.destroy();
      return true;
    });
    const before = server.connections;
    expectBytes(await backend.load(pack), content);
    expect(server.connections).toBe(before + 1);
  });

  test.each([400, 403, 404, 416])('is not made after %i', async (status) => {
    once((response) => answerError(response, status, 'InvalidRequest'));
    await expect(backend.load(pack)).rejects.toThrow();
    expect(server.seen).toHaveLength(1);
  });
});

describe('errors', () => {
  test.each([
    [403, 'AccessDenied', 'backend-denied', 'never', /s3:GetObject on backups/],
    [403, 'InvalidAccessKeyId', 'cloud-auth', 'never', /AWS_ACCESS_KEY_ID/],
    [403, 'SignatureDoesNotMatch', 'cloud-auth', 'never', /AWS_SECRET_ACCESS_KEY/],
    [400, 'ExpiredToken', 'cloud-auth', 'never', /expired/],
    [403, 'RequestTimeTooSkewed', 'cloud-auth', 'later', /clock/],
    [404, 'NoSuchKey', 'object-missing', 'never', /hostark check/],
    [404, 'NoSuchBucket', 'no-repository', 'never', /bucket create/],
    [403, 'InvalidObjectState', 'backend-denied', 'never', /archive/],
    [500, 'InternalError', 'backend-unavailable', 'later', /try again/],
    [503, 'SlowDown', 'backend-unavailable', 'later', /try again/],
    [429, 'TooManyRequests', 'backend-unavailable', 'later', /try again/],
    [400, 'InvalidRequest', 'backend-unavailable', 'never', /refused/],
  ])('%i %s is %s, retry %s', async (status, s3Code, code, retry, hint) => {
    server.interfere = (_, response) => answerError(response, status, s3Code);
    await expect(backend.load(pack)).rejects.toMatchObject({ code, retry, hint: expect.stringMatching(hint) });
  });

  test('bytes that do not fit their name are refused by the endpoint and said to be damaged', async () => {
    await expect(backend.save(pack, patternBytes(10))).rejects.toMatchObject({ code: 'object-damaged' });
  });

  test('409, two conditional writes at once, is worth another try', async () => {
    server.interfere = ({ method }, response) =>
      method === 'PUT' && answerError(response, 409, 'ConditionalRequestConflict');
    await expect(backend.save(pack, content)).rejects.toMatchObject({ code: 'backend-unavailable', retry: 'later' });
  });

  test('a bucket that is not there is no-repository for every operation that can tell', async () => {
    const other = s3Backend(`s3:${server.endpoint}/nobody/repo`, { credentials, region: 'us-east-1' });
    await expect(other.load(config)).rejects.toMatchObject({
      code: 'no-repository',
      message: expect.stringContaining('nobody'),
    });
    await expect(other.save(pack, content)).rejects.toMatchObject({ code: 'no-repository' });
    await expect(collect(other.list('index'))).rejects.toMatchObject({ code: 'no-repository' });
    await other.close();
  });

  test('nobody at the address: final at first, worth waiting for once it has answered', async () => {
    const gone = await startPlainS3();
    const other = s3Backend(`s3:${gone.endpoint}/${BUCKET}`, { credentials, region: 'us-east-1' });
    await other.save(pack, content);
    await gone.stop();
    await expect(other.load(pack)).rejects.toMatchObject({ code: 'backend-unavailable', retry: 'later' });
    const fresh = s3Backend(`s3:${gone.endpoint}/${BUCKET}`, { credentials, region: 'us-east-1' });
    await expect(fresh.load(pack)).rejects.toMatchObject({
      code: 'backend-unavailable',
      retry: 'never',
      hint: expect.stringContaining('the first part of a location is the host'),
    });
    await other.close();
    await fresh.close();
  });

  test('credentials that cannot be had are cloud-auth', async () => {
    const missing = async (): Promise<never> => {
      throw Object.assign(new Error('Could not load credentials from any providers'), {
        name: 'CredentialsProviderError',
      });
    };
    const other = open({ credentials: missing });
    await expect(other.load(pack)).rejects.toMatchObject({
      code: 'cloud-auth',
      hint: expect.stringContaining('AWS_PROFILE'),
    });
    await other.close();
  });

  test('no error shows a secret, however deep one looks', async () => {
    const seen: string[] = [];
    for (const [status, code] of [
      [403, 'SignatureDoesNotMatch'],
      [400, 'ExpiredToken'],
      [500, 'InternalError'],
    ] as const) {
      server.interfere = ({ headers }, response) => {
        response.writeHead(status, { 'content-type': 'application/xml' });
        // Amazon answers a wrong signature with the whole canonical request.
        response.end(
          `<Error><Code>${code}</Code><Message>no</Message><CanonicalRequest>${headers['x-amz-security-token']}</CanonicalRequest></Error>`,
        );
        return true;
      };
      for (const call of [
        () => backend.load(pack),
        () => backend.save(pack, content),
        () => collect(backend.list('data')),
      ]) {
        const error = await call().catch((thrown: unknown) => thrown);
        seen.push(inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error));
      }
    }
    expect(seen).toHaveLength(9);
    for (const text of seen) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain(TOKEN);
    }
  });
});

describe('region', () => {
  const regionOf = (authorization: string | undefined): string | undefined => authorization?.split('/')[2];

  test('an answer that names another region is followed once, for good', async () => {
    server.objects.set(packKey, Buffer.from(content));
    server.interfere = ({ headers }, response) =>
      regionOf(headers.authorization) !== 'eu-central-1' &&
      answerError(response, 301, 'PermanentRedirect', { 'x-amz-bucket-region': 'eu-central-1' });
    expectBytes(await backend.load(pack), content);
    expectBytes(await backend.load(pack), content);
    expect(server.seen.map(({ headers }) => regionOf(headers.authorization))).toEqual([
      'us-east-1',
      'eu-central-1',
      'eu-central-1',
    ]);
  });

  test('also when the signature was refused for it', async () => {
    server.interfere = ({ headers }, response) => {
      if (regionOf(headers.authorization) === 'garage') return false;
      response.writeHead(400, { 'content-type': 'application/xml' });
      response.end(
        '<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong region</Message><Region>garage</Region></Error>',
      );
      return true;
    };
    await backend.save(pack, [content.subarray(0, 1), content.subarray(1)]);
    expectBytes(server.objects.get(packKey)!, content);
  });

  test('many requests at the same time during a redirect all succeed', async () => {
    server.objects.set(packKey, Buffer.from(content));
    server.interfere = ({ headers }, response) =>
      regionOf(headers.authorization) !== 'eu-central-1' &&
      answerError(response, 301, 'PermanentRedirect', { 'x-amz-bucket-region': 'eu-central-1' });
    const loads = Array.from({ length: 12 }, (_, i) => backend.load(pack, { offset: i, length: 10 }));
    for (const [i, bytes] of (await Promise.all(loads)).entries()) expectBytes(bytes, content.subarray(i, i + 10));
  });
});

describe('read-only and buckets', () => {
  test('a backend opened for reading changes nothing', async () => {
    const reader = open({ readOnly: true });
    await expect(reader.save(pack, content)).rejects.toMatchObject({ code: 'backend-denied' });
    await expect(reader.remove(pack)).rejects.toMatchObject({ code: 'backend-denied' });
    expect(server.seen).toEqual([]);
    await reader.close();
  });

  test('a bucket that is there is not created again; one that is missing is, in its region', async () => {
    await backend.createBucket();
    expect(server.seen.map(({ method }) => method)).toEqual(['HEAD']);
    server.seen.length = 0;
    const created: string[] = [];
    server.interfere = ({ method, body }, response) => {
      if (method !== 'PUT') return answerError(response, 404, 'NoSuchBucket');
      created.push(String(body));
      response.end();
      return true;
    };
    const other = open({ region: 'eu-west-3' });
    await other.createBucket();
    await backend.createBucket();
    await other.close();
    expect(created).toEqual([expect.stringContaining('<LocationConstraint>eu-west-3</LocationConstraint>'), '']);
  });
});

test('the hash of the content is the name in this file too', () => {
  expect(createHash('sha256').update(content).digest('hex')).toBe(pack.name);
});
