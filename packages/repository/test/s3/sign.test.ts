/** Signatures: the examples that AWS publishes, and the SDK's own signer as the reference for everything else. */
import { createHash } from 'node:crypto';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EMPTY_PAYLOAD, encodePath, type S3Credentials, Signer, type Unsigned } from '../../src/backends/s3/sign.ts';

/** S3 API reference, "Signature calculations for the authorization header: transferring payload in a single chunk". */
const EXAMPLE: S3Credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const host = 'examplebucket.s3.amazonaws.com';
const time = new Date('2013-05-24T00:00:00Z');
const get = { method: 'GET', host, path: '/', query: [], headers: [], payload: EMPTY_PAYLOAD } as const;

test.each<[string, Unsigned, string]>([
  [
    'GET Object',
    { ...get, path: '/test.txt', headers: [['range', 'bytes=0-9']] },
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ],
  [
    'PUT Object',
    {
      ...get,
      method: 'PUT',
      path: encodePath('/test$file.text'),
      headers: [
        ['date', 'Fri, 24 May 2013 00:00:00 GMT'],
        ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
      ],
      payload: createHash('sha256').update('Welcome to Amazon S3.').digest('hex'),
    },
    '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  ],
  [
    'GET Bucket Lifecycle',
    { ...get, query: [['lifecycle', '']] },
    'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  ],
  [
    'Get Bucket (List Objects)',
    {
      ...get,
      query: [
        ['prefix', 'J'],
        ['max-keys', '2'],
      ],
    },
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  ],
])('the published example %s', (_, request, signature) => {
  const signed = new Signer('us-east-1').sign(request, EXAMPLE, time);
  expect(new Map(signed.headers).get('authorization')).toMatch(new RegExp(`Signature=${signature}$`));
});

test('whatever the key, the SDK signs the same', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc
        .string({ unit: 'binary', minLength: 1, maxLength: 40 })
        .filter((key) => !/^\.{0,2}$|\/\.{0,2}(\/|$)|^\//.test(key)),
      fc.constantFrom('get', 'put', 'list'),
      fc.option(fc.stringMatching(/^[A-Za-z0-9+/=]{1,60}$/), { nil: undefined }),
      fc.date({ min: new Date('2020-01-01'), max: new Date('2099-12-31'), noInvalidDate: true }),
      async (key, kind, sessionToken, now) => {
        const credentials = { ...EXAMPLE, ...(sessionToken === undefined ? {} : { sessionToken }) };
        const theirs = await signedBySdk(key, kind, credentials, now);
        const ours = new Signer('eu-west-3').sign(theirs.unsigned, credentials, now);
        expect(new Map(ours.headers).get('authorization')).toBe(theirs.authorization);
        expect(encodePath(kind === 'list' ? '/bucket/' : `/bucket/${key}`)).toBe(theirs.unsigned.path);
      },
    ),
    { seed: 20261122, numRuns: 60 },
  );
});

const OURS: ReadonlySet<string> = new Set([
  'host',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
  'authorization',
]);

interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** Lets the SDK sign a request that is sent nowhere, and takes apart what it signed. */
async function signedBySdk(
  key: string,
  kind: string,
  credentials: S3Credentials,
  now: Date,
): Promise<{ unsigned: Unsigned; authorization: string }> {
  const seen: SentRequest[] = [];
  const client = new S3Client({
    region: 'eu-west-3',
    endpoint: 'https://s3.example',
    forcePathStyle: true,
    credentials,
    systemClockOffset: now.getTime() - Date.now(),
    requestChecksumCalculation: 'WHEN_REQUIRED',
    requestHandler: {
      handle: async (request: unknown) => {
        seen.push(request as SentRequest);
        throw new Error('not sent');
      },
    },
    maxAttempts: 1,
  });
  const Bucket = 'bucket';
  await (kind === 'get'
    ? client.send(new GetObjectCommand({ Bucket, Key: key, Range: 'bytes=0-9' }))
    : kind === 'put'
      ? client.send(new PutObjectCommand({ Bucket, Key: key, Body: 'content', IfNoneMatch: '*' }))
      : client.send(new ListObjectsV2Command({ Bucket, Prefix: key, ContinuationToken: 'a+b/c=' }))
  ).catch(() => {});
  const [{ method, path, query, headers }] = seen as [SentRequest];
  const authorization = headers.authorization ?? '';
  const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? [];
  // Their clock is read a moment later than ours.
  const stamp = headers['x-amz-date'] ?? '';
  now.setTime(Date.parse(stamp.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')));
  return {
    authorization,
    unsigned: {
      method,
      host: 's3.example',
      path,
      query: Object.entries(query),
      headers: names.filter((name) => !OURS.has(name)).map((name) => [name, headers[name] ?? ''] as const),
      payload: headers['x-amz-content-sha256'] ?? '',
    },
  };
}
