/** Least privilege as the engine wants it: a host that may add to its own history and do nothing else. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, test } from 'vitest';
import { policyText, refusal, s3Client, sandboxWith } from '../harness.ts';

const Bucket = 'backups';
const ARN = `arn:aws:s3:::${Bucket}`;
const { box, made } = await sandboxWith((principals) => ({
  host: principals.user('host', [
    {
      Effect: 'Allow',
      Action: 's3:ListBucket',
      Resource: ARN,
      Condition: { StringLike: { 's3:prefix': ['hosts/a/*', 'hosts/a/'] } },
    },
    { Effect: 'Allow', Action: 's3:GetBucketLocation', Resource: ARN },
    { Effect: 'Allow', Action: 's3:GetObject', Resource: `${ARN}/hosts/a/*` },
    {
      Effect: 'Allow',
      Action: 's3:PutObject',
      Resource: ['data', 'index', 'snapshots', 'locks'].map((kind) => `${ARN}/hosts/a/${kind}/*`),
    },
    { Effect: 'Allow', Action: 's3:DeleteObject', Resource: `${ARN}/hosts/a/locks/*` },
    { Effect: 'Deny', Action: ['s3:DeleteObjectVersion', 's3:PutBucket*', 's3:DeleteBucket*'], Resource: '*' },
  ]),
  tagged: principals.user(
    'tagged',
    [{ Effect: 'Allow', Action: 's3:GetObject', Resource: `${ARN}/teams/\${aws:PrincipalTag/team}/*` }],
    { team: 'ops' },
  ),
  blind: principals.user('blind', [{ Effect: 'Allow', Action: 's3:GetObject', Resource: `${ARN}/*` }]),
}));
const admin = s3Client(box);
const host = s3Client(box, made.host);
const DENIED = { code: 'AccessDenied', status: 403 };

const put = (client: typeof admin, Key: string, more: object = {}) =>
  client.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ...more }));

beforeAll(async () => {
  await admin.send(new CreateBucketCommand({ Bucket }));
  await admin.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  const createOnly = {
    Sid: 'CreateOnly',
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:PutObject',
    Resource: `${ARN}/hosts/*`,
    Condition: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
  };
  const tls = {
    Sid: 'Tls',
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:*',
    Resource: [ARN, `${ARN}/*`],
    Condition: { NumericLessThan: { 's3:TlsVersion': '1.2' } },
  };
  await admin.send(new PutBucketPolicyCommand({ Bucket, Policy: policyText(createOnly, tls) }));
  for (const Key of ['hosts/a/config', 'hosts/a/data/1', 'hosts/b/config']) await put(admin, Key, { IfNoneMatch: '*' });
  await put(admin, 'teams/ops/x');
});

describe('a host', () => {
  test('lists, reads, creates, and removes its locks', async () => {
    const listing = await host.send(new ListObjectsV2Command({ Bucket, Prefix: 'hosts/a/' }));
    expect(listing.KeyCount).toBe(2);
    await host.send(new GetBucketLocationCommand({ Bucket }));
    await host.send(new GetObjectCommand({ Bucket, Key: 'hosts/a/config' }));
    await put(host, 'hosts/a/data/2', { IfNoneMatch: '*' });
    await put(host, 'hosts/a/locks/1', { IfNoneMatch: '*' });
    await host.send(new DeleteObjectCommand({ Bucket, Key: 'hosts/a/locks/1' }));
  });

  test.each<[string, () => Promise<unknown>]>([
    ['overwrites nothing', () => put(host, 'hosts/a/data/1')],
    [
      'overwrites nothing by copying',
      () => host.send(new CopyObjectCommand({ Bucket, Key: 'hosts/a/data/1', CopySource: `${Bucket}/hosts/a/config` })),
    ],
    ['writes no config', () => put(host, 'hosts/a/config', { IfNoneMatch: '*' })],
    ['writes no key', () => put(host, 'hosts/a/keys/1', { IfNoneMatch: '*' })],
    [
      'tags nothing',
      () => host.send(new PutObjectTaggingCommand({ Bucket, Key: 'hosts/a/data/1', Tagging: { TagSet: [] } })),
    ],
    ['sets no tag while writing', () => put(host, 'hosts/a/data/3', { IfNoneMatch: '*', Tagging: 'a=b' })],
    ['removes no data', () => host.send(new DeleteObjectCommand({ Bucket, Key: 'hosts/a/data/1' }))],
    [
      'removes no version of its locks',
      () => host.send(new DeleteObjectCommand({ Bucket, Key: 'hosts/a/locks/1', VersionId: 'a'.repeat(32) })),
    ],
    ['reads no other host', () => host.send(new GetObjectCommand({ Bucket, Key: 'hosts/b/config' }))],
    ['lists no other host', () => host.send(new ListObjectsV2Command({ Bucket, Prefix: 'hosts/b/' }))],
    ['lists not the whole bucket', () => host.send(new ListObjectsV2Command({ Bucket }))],
    ['lists no versions', () => host.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'hosts/a/' }))],
    ['lists no buckets', () => host.send(new ListBucketsCommand({}))],
    ['creates no bucket', () => host.send(new CreateBucketCommand({ Bucket: 'mine' }))],
    ['removes no bucket', () => host.send(new DeleteBucketCommand({ Bucket }))],
    ['changes no policy', () => host.send(new PutBucketPolicyCommand({ Bucket, Policy: policyText() }))],
    ['removes no policy', () => host.send(new DeleteBucketPolicyCommand({ Bucket }))],
    [
      'suspends no versioning',
      () => host.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Suspended' } })),
    ],
    [
      'sets no lifecycle',
      () => host.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [] } })),
    ],
  ])('%s', async (_title, act) => {
    expect(await refusal(act())).toMatchObject(DENIED);
  });

  test('HeadBucket without leave is 403 without a body', async () => {
    expect(await refusal(host.send(new HeadBucketCommand({ Bucket })))).toMatchObject({ status: 403 });
  });

  test('deletes of many keys are decided one by one', async () => {
    const Objects = [{ Key: 'hosts/a/locks/x' }, { Key: 'hosts/a/data/1' }];
    const answer = await host.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(answer.Deleted?.map((one) => one.Key)).toEqual(['hosts/a/locks/x']);
    expect(answer.Errors).toMatchObject([{ Key: 'hosts/a/data/1', Code: 'AccessDenied' }]);
  });

  test('the refusal is a sentence of AWS', async () => {
    const { message } = await refusal(put(host, 'hosts/a/config', { IfNoneMatch: '*' }));
    expect(message).toBe(
      `User: arn:aws:iam::${box.accountId}:user/host is not authorized to perform: s3:PutObject on resource: "${ARN}/hosts/a/config" because no identity-based policy allows the s3:PutObject action`,
    );
  });
});

test('create-only binds the administrator too, and multipart parts are exempt from it', async () => {
  expect(await refusal(put(admin, 'hosts/c/x'))).toMatchObject({
    ...DENIED,
    message: expect.stringContaining('with an explicit deny in a resource-based policy'),
  });
  const at = { Bucket, Key: 'hosts/a/data/large' };
  const { UploadId } = await host.send(new CreateMultipartUploadCommand(at));
  const { ETag } = await host.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: 'part' }));
  const complete = { ...at, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } };
  expect(await refusal(host.send(new CompleteMultipartUploadCommand(complete)))).toMatchObject(DENIED);
  expect(await refusal(host.send(new AbortMultipartUploadCommand({ ...at, UploadId })))).toMatchObject(DENIED);
  await host.send(new CompleteMultipartUploadCommand({ ...complete, IfNoneMatch: '*' }));
});

test('who may not list is not told which keys exist', async () => {
  const blind = s3Client(box, made.blind);
  expect(await refusal(blind.send(new GetObjectCommand({ Bucket, Key: 'nothing' })))).toMatchObject(DENIED);
  expect(await refusal(blind.send(new HeadObjectCommand({ Bucket, Key: 'nothing' })))).toMatchObject({ status: 403 });
  expect(await refusal(admin.send(new GetObjectCommand({ Bucket, Key: 'nothing' })))).toMatchObject({
    code: 'NoSuchKey',
  });
});

test('tags of the principal choose its folder', async () => {
  const tagged = s3Client(box, made.tagged);
  await tagged.send(new GetObjectCommand({ Bucket, Key: 'teams/ops/x' }));
  expect(await refusal(tagged.send(new GetObjectCommand({ Bucket, Key: 'teams/dev/x' })))).toMatchObject(DENIED);
});

test('a sandbox without secure transport is refused by a TLS-only policy', async () => {
  const { box: plain } = await sandboxWith(() => null, { secureTransport: false });
  const s3 = s3Client(plain);
  await s3.send(new CreateBucketCommand({ Bucket: 'tls' }));
  const Policy = policyText({
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:*',
    Resource: 'arn:aws:s3:::tls/*',
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  });
  await s3.send(new PutBucketPolicyCommand({ Bucket: 'tls', Policy }));
  expect(await refusal(s3.send(new PutObjectCommand({ Bucket: 'tls', Key: 'k', Body: 'x' })))).toMatchObject(DENIED);
});

test('another account as expected owner is refused', async () => {
  const head = (ExpectedBucketOwner: string) => admin.send(new HeadBucketCommand({ Bucket, ExpectedBucketOwner }));
  await head(box.accountId);
  expect(await refusal(head('000000000001'))).toMatchObject({ status: 403 });
});
