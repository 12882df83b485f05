/**
 * What a host may do with its role: the policy that every host gets, under a trust that lets a test take it. The
 * sandbox evaluates policies; each line of the table in docs/security.md is one of these tests.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as sdk from '@aws-sdk/client-s3';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { type AwsClients, awsClients, createIdentity, openLedger, planIdentity } from '@hostark/cloud';
import { startSandbox } from '@hostark/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostark, hostarkOk, jsonLines, makeWorkspace } from '../support/hostark.ts';

const Bucket = 'least-privilege';
const ZERO = '0'.repeat(64);

describe("a host's role", () => {
  const workspace = makeWorkspace('privilege');
  let box: Awaited<ReturnType<typeof startSandbox>>;
  let admin: AwsClients;
  let operator: Record<string, string>;
  let host: Record<string, string>;
  let adminS3: sdk.S3Client;
  let role: sdk.S3Client;
  let keys: string[];
  const repo = (): string[] => ['-r', `s3:${box.endpoint}/${Bucket}/hosts/web`];
  const key = (start: string): string => keys.find((one) => one.startsWith(`hosts/web/${start}`))!;

  beforeAll(async () => {
    box = await startSandbox({ directory: workspace.path('cloud'), durable: false });
    const { endpoint, region, adminCredentials: credentials, accountId } = box;
    operator = { ...workspace.env, ...box.environment(), RESTIC_PASSWORD: 'privilege' };
    await hostarkOk(['bucket', 'create', Bucket], { env: operator });
    admin = await awsClients({ endpoint, region, credentials });
    adminS3 = await admin.s3();
    const ledger = await openLedger(workspace.path('state'));
    const trust = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${accountId}:root` }, Action: 'sts:AssumeRole' }],
    } as const;
    const plan = planIdentity({ partition: 'aws', region }, { host: 'web', bucket: Bucket });
    const { roleName } = await createIdentity(admin, { ...plan, trust }, { ledger });
    await ledger.close();
    const sts = new STSClient({ endpoint, region, credentials });
    const RoleArn = `arn:aws:iam::${accountId}:role/hostark/${roleName}`;
    const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'host' }));
    sts.destroy();
    host = {
      ...operator,
      AWS_ACCESS_KEY_ID: Credentials!.AccessKeyId!,
      AWS_SECRET_ACCESS_KEY: Credentials!.SecretAccessKey!,
      AWS_SESSION_TOKEN: Credentials!.SessionToken!,
    };
    role = new sdk.S3Client({
      ...{ endpoint, region, forcePathStyle: true, maxAttempts: 1 },
      credentials: {
        accessKeyId: Credentials!.AccessKeyId!,
        secretAccessKey: Credentials!.SecretAccessKey!,
        sessionToken: Credentials!.SessionToken!,
      },
    });
    mkdirSync(workspace.path('data'));
    writeFileSync(workspace.path('data/file'), 'first');
    await hostarkOk(['init', ...repo()], { env: operator });
    await hostarkOk(['backup', ...repo(), workspace.path('data')], { env: operator });
    await adminS3.send(new sdk.PutObjectCommand({ Bucket, Key: 'hosts/other/config', Body: 'x', IfNoneMatch: '*' }));
    keys = await allKeys();
  });
  afterAll(async () => {
    role?.destroy();
    admin?.close();
    await box?.stop();
    workspace.remove();
  });

  async function allKeys(): Promise<string[]> {
    const { Contents = [] } = await adminS3.send(new sdk.ListObjectsV2Command({ Bucket }));
    return Contents.map(({ Key }) => Key!);
  }

  test('backs up, lists and restores: a whole backup works', async () => {
    writeFileSync(workspace.path('data/file'), 'second');
    const summary = jsonLines(
      await hostarkOk(['backup', ...repo(), '--json', workspace.path('data')], { env: host }),
    ).at(-1)!;
    expect(summary).toMatchObject({ message_type: 'summary', files_changed: 1 });
    await hostarkOk(['restore', ...repo(), 'latest', '--target', workspace.path('back')], { env: host });
    expect(readFileSync(workspace.path('back', workspace.path('data/file')), 'utf8')).toBe('second');
    expect((await allKeys()).filter((one) => one.includes('/locks/'))).toEqual([]);
  });

  const put = (Key: string, more: object = {}): Promise<unknown> =>
    role.send(new sdk.PutObjectCommand({ Bucket, Key, Body: 'harm', ...more }));
  const kinds = ['data/', 'index/', 'snapshots/', 'keys/', 'config'];

  test.each(kinds)('cannot overwrite what is below %s', async (kind) => {
    expect(key(kind)).toBeDefined();
    await expect(put(key(kind))).rejects.toMatchObject({ name: 'AccessDenied' });
    const conditional = put(key(kind), { IfNoneMatch: '*' });
    // With the condition S3 may get as far as looking: then the object is there already, and stays.
    await expect(conditional).rejects.toMatchObject({ name: expect.stringMatching(/AccessDenied|PreconditionFailed/) });
    const ETag = (await adminS3.send(new sdk.HeadObjectCommand({ Bucket, Key: key(kind) }))).ETag!;
    await expect(put(key(kind), { IfMatch: ETag })).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  test.each(kinds)('cannot delete what is below %s, nor a version of it', async (kind) => {
    const Key = key(kind);
    const { VersionId } = await adminS3.send(new sdk.HeadObjectCommand({ Bucket, Key }));
    await expect(role.send(new sdk.DeleteObjectCommand({ Bucket, Key }))).rejects.toMatchObject({
      name: 'AccessDenied',
    });
    const version = role.send(new sdk.DeleteObjectCommand({ Bucket, Key, VersionId }));
    await expect(version).rejects.toMatchObject({ name: 'AccessDenied' });
    const several = await role.send(new sdk.DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }] } }));
    expect(several.Errors).toMatchObject([{ Code: 'AccessDenied' }]);
  });

  test.each(['data/zz', 'hosts/web/config2', 'hosts/web/keys/new', 'hosts/other/data/new', `agents/${ZERO}.tar.gz`])(
    'cannot create %s',
    async (Key) => {
      await expect(put(Key, { IfNoneMatch: '*' })).rejects.toMatchObject({ name: 'AccessDenied' });
    },
  );

  test('cannot overwrite by copying, nor by an upload in parts', async () => {
    const Key = key('data/');
    const CopySource = `${Bucket}/${key('index/')}`;
    await expect(role.send(new sdk.CopyObjectCommand({ Bucket, Key, CopySource }))).rejects.toMatchObject({
      name: 'AccessDenied',
    });
    const begun = await role.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key })).catch((error: Error) => error);
    if (begun instanceof Error) {
      expect(begun.name).toBe('AccessDenied');
      return;
    }
    const { UploadId } = begun;
    const { ETag } = await role.send(new sdk.UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'harm' }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    const complete = { Bucket, Key, UploadId, MultipartUpload };
    await expect(role.send(new sdk.CompleteMultipartUploadCommand(complete))).rejects.toMatchObject({
      name: 'AccessDenied',
    });
    await expect(
      role.send(new sdk.CompleteMultipartUploadCommand({ ...complete, IfNoneMatch: '*' })),
    ).rejects.toMatchObject({ name: 'PreconditionFailed' });
  });

  test('cannot read or list what belongs to others, nor the bucket as a whole', async () => {
    const denied = { name: 'AccessDenied' };
    await expect(role.send(new sdk.GetObjectCommand({ Bucket, Key: 'hosts/other/config' }))).rejects.toMatchObject(
      denied,
    );
    for (const Prefix of ['hosts/other/', 'hosts/', '', 'hosts/web-2/'])
      await expect(role.send(new sdk.ListObjectsV2Command({ Bucket, Prefix }))).rejects.toMatchObject(denied);
    await expect(role.send(new sdk.ListObjectVersionsCommand({ Bucket, Prefix: 'hosts/web/' }))).rejects.toMatchObject(
      denied,
    );
    await expect(role.send(new sdk.ListBucketsCommand({}))).rejects.toMatchObject(denied);
  });

  const Rule = { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } } as const;
  const CHANGES: Readonly<Record<string, () => Promise<unknown>>> = {
    'the bucket policy': () => role.send(new sdk.PutBucketPolicyCommand({ Bucket, Policy: '{}' })),
    'the bucket policy away': () => role.send(new sdk.DeleteBucketPolicyCommand({ Bucket })),
    'the lifecycle': () =>
      role.send(
        new sdk.PutBucketLifecycleConfigurationCommand({
          Bucket,
          LifecycleConfiguration: {
            Rules: [{ ID: 'x', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } }],
          },
        }),
      ),
    'the lifecycle away': () => role.send(new sdk.DeleteBucketLifecycleCommand({ Bucket })),
    versioning: () =>
      role.send(new sdk.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Suspended' } })),
    'Object Lock': () =>
      role.send(
        new sdk.PutObjectLockConfigurationCommand({
          Bucket,
          ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule },
        }),
      ),
    'public access': () => role.send(new sdk.DeletePublicAccessBlockCommand({ Bucket })),
    encryption: () => role.send(new sdk.DeleteBucketEncryptionCommand({ Bucket })),
    tags: () => role.send(new sdk.DeleteBucketTaggingCommand({ Bucket })),
    'the bucket away': () => role.send(new sdk.DeleteBucketCommand({ Bucket })),
    'the retention of an object': () =>
      role.send(
        new sdk.PutObjectRetentionCommand({
          ...{ Bucket, Key: key('data/') },
          Retention: { Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + 1e6) },
        }),
      ),
  };
  test.each(Object.keys(CHANGES))('cannot change %s', async (what) => {
    await expect(CHANGES[what]!()).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  test('has left everything as it was: the audit is clean and every byte is there', async () => {
    expect((await hostark(['bucket', 'audit', Bucket], { env: operator })).code).toBe(0);
    expect(await allKeys()).toEqual(expect.arrayContaining(keys));
    expect(await hostarkOk(['check', ...repo(), '--read-data', '--no-lock'], { env: operator })).toContain('no errors');
  });
});
