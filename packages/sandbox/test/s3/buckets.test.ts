import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketEncryptionCommand,
  DeleteBucketLifecycleCommand,
  DeleteBucketOwnershipControlsCommand,
  DeleteBucketPolicyCommand,
  DeleteBucketTaggingCommand,
  DeletePublicAccessBlockCommand,
  GetBucketAclCommand,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketLocationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, test } from 'vitest';
import { policyText, refusal, type StatementInput, s3Client, sandbox } from '../harness.ts';

const box = await sandbox();
const s3 = s3Client(box);
const frankfurt = s3Client(box, undefined, { region: 'eu-central-1' });
const Bucket = 'configured';

beforeAll(async () => {
  await s3.send(new CreateBucketCommand({ Bucket }));
});

describe('CreateBucket', () => {
  const create = (client: typeof s3, name: string, LocationConstraint?: string) =>
    client.send(
      new CreateBucketCommand({
        Bucket: name,
        ...(LocationConstraint
          ? { CreateBucketConfiguration: { LocationConstraint: LocationConstraint as 'eu-central-1' } }
          : {}),
      }),
    );

  test.each(['ab', 'Upper', 'under_score', 'a..b', '1.2.3.4', '-a-', 'xn--abc', 'abc-s3alias', 'sthree-x'])(
    'refuses the name %s',
    async (name) => {
      expect(await refusal(create(s3, name))).toMatchObject({ code: 'InvalidBucketName', status: 400 });
    },
  );

  test('needs a location constraint equal to the region outside us-east-1', async () => {
    expect(
      await refusal(create(s3Client(box, undefined, { region: 'eu-west-1' }), 'west', 'eu-central-1')),
    ).toMatchObject({
      code: 'IllegalLocationConstraintException',
    });
    expect(await refusal(create(s3, 'no-such', 'us-east-1'))).toMatchObject({ code: 'InvalidLocationConstraint' });
    await create(frankfurt, 'frankfurt', 'eu-central-1');
    const location = await s3.send(new GetBucketLocationCommand({ Bucket: 'frankfurt' }));
    expect(location.LocationConstraint).toBe('eu-central-1');
  });

  test('the owner’s second creation is BucketAlreadyOwnedByYou, but in us-east-1 a success', async () => {
    await create(frankfurt, 'twice', 'eu-central-1');
    expect(await refusal(create(frankfurt, 'twice', 'eu-central-1'))).toMatchObject({
      code: 'BucketAlreadyOwnedByYou',
      status: 409,
    });
    await create(s3, Bucket);
  });

  test('of many creations at the same time one wins', async () => {
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => create(frankfurt, 'raced', 'eu-central-1')));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });
});

test('a bucket of another region answers 301 with its region', async () => {
  await frankfurt.send(
    new CreateBucketCommand({ Bucket: 'far', CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' } }),
  );
  const head = s3.send(new HeadBucketCommand({ Bucket: 'far' }));
  const error = (await head.catch((caught: unknown) => caught)) as {
    $metadata: { httpStatusCode: number };
    $response: { headers: Record<string, string> };
  };
  expect(error.$metadata.httpStatusCode).toBe(301);
  expect(error.$response.headers['x-amz-bucket-region']).toBe('eu-central-1');
  const put = new PutObjectCommand({ Bucket: 'far', Key: 'k', Body: 'x' });
  expect(await refusal(s3.send(put))).toMatchObject({ code: 'PermanentRedirect', status: 301 });
  expect((await frankfurt.send(new HeadBucketCommand({ Bucket: 'far' }))).BucketRegion).toBe('eu-central-1');
  const following = s3Client(box, undefined, { followRegionRedirects: true });
  await following.send(new PutObjectCommand({ Bucket: 'far', Key: 'k', Body: 'x' }));
});

test('a bucket that is not there', async () => {
  expect(await refusal(s3.send(new HeadBucketCommand({ Bucket: 'nothing' })))).toMatchObject({ status: 404 });
  expect(await refusal(s3.send(new GetBucketPolicyCommand({ Bucket: 'nothing' })))).toMatchObject({
    code: 'NoSuchBucket',
  });
});

test('DeleteBucket refuses while something is inside', async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'full' }));
  await s3.send(new PutObjectCommand({ Bucket: 'full', Key: 'k', Body: 'x' }));
  expect(await refusal(s3.send(new DeleteBucketCommand({ Bucket: 'full' })))).toMatchObject({
    code: 'BucketNotEmpty',
    status: 409,
  });
  await s3.send(new CreateBucketCommand({ Bucket: 'void' }));
  await s3.send(new DeleteBucketCommand({ Bucket: 'void' }));
  const { Buckets } = await s3.send(new ListBucketsCommand({}));
  const names = Buckets?.map((bucket) => bucket.Name);
  expect(names).toContain('full');
  expect(names).not.toContain('void');
});

test('ListBuckets pages and filters', async () => {
  for (const name of ['page-a', 'page-b', 'page-c']) await s3.send(new CreateBucketCommand({ Bucket: name }));
  const first = await s3.send(new ListBucketsCommand({ Prefix: 'page-', MaxBuckets: 2 }));
  expect(first.Buckets?.map((bucket) => bucket.Name)).toEqual(['page-a', 'page-b']);
  const second = await s3.send(new ListBucketsCommand({ Prefix: 'page-', ContinuationToken: first.ContinuationToken }));
  expect(second.Buckets?.map((bucket) => bucket.Name)).toEqual(['page-c']);
});

describe('configurations', () => {
  test('a new bucket blocks public access, enforces the owner, encrypts, and has nothing else', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'fresh' }));
    const at = { Bucket: 'fresh' };
    expect((await s3.send(new GetPublicAccessBlockCommand(at))).PublicAccessBlockConfiguration).toEqual({
      BlockPublicAcls: true,
      IgnorePublicAcls: true,
      BlockPublicPolicy: true,
      RestrictPublicBuckets: true,
    });
    expect((await s3.send(new GetBucketOwnershipControlsCommand(at))).OwnershipControls?.Rules).toEqual([
      { ObjectOwnership: 'BucketOwnerEnforced' },
    ]);
    const encryption = await s3.send(new GetBucketEncryptionCommand(at));
    expect(encryption.ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault).toEqual({
      SSEAlgorithm: 'AES256',
    });
    expect((await s3.send(new GetBucketVersioningCommand(at))).Status).toBeUndefined();
    expect((await s3.send(new GetBucketAclCommand(at))).Grants).toHaveLength(1);
    expect(await refusal(s3.send(new GetBucketPolicyCommand(at)))).toMatchObject({ code: 'NoSuchBucketPolicy' });
    expect(await refusal(s3.send(new GetBucketLifecycleConfigurationCommand(at)))).toMatchObject({
      code: 'NoSuchLifecycleConfiguration',
    });
    expect(await refusal(s3.send(new GetBucketTaggingCommand(at)))).toMatchObject({ code: 'NoSuchTagSet' });
    expect(await refusal(s3.send(new GetObjectLockConfigurationCommand(at)))).toMatchObject({
      code: 'ObjectLockConfigurationNotFoundError',
    });
  });

  test('public access block and ownership controls can be put and removed', async () => {
    const PublicAccessBlockConfiguration = {
      BlockPublicAcls: true,
      IgnorePublicAcls: true,
      BlockPublicPolicy: false,
      RestrictPublicBuckets: false,
    };
    await s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration }));
    expect((await s3.send(new GetPublicAccessBlockCommand({ Bucket }))).PublicAccessBlockConfiguration).toEqual(
      PublicAccessBlockConfiguration,
    );
    await s3.send(new DeletePublicAccessBlockCommand({ Bucket }));
    expect(await refusal(s3.send(new GetPublicAccessBlockCommand({ Bucket })))).toMatchObject({
      code: 'NoSuchPublicAccessBlockConfiguration',
    });
    await s3.send(
      new PutBucketOwnershipControlsCommand({
        Bucket,
        OwnershipControls: { Rules: [{ ObjectOwnership: 'ObjectWriter' }] },
      }),
    );
    await s3.send(new DeleteBucketOwnershipControlsCommand({ Bucket }));
    expect(await refusal(s3.send(new GetBucketOwnershipControlsCommand({ Bucket })))).toMatchObject({
      code: 'OwnershipControlsNotFoundError',
    });
  });

  test('encryption with KMS, bucket key and SSE-C blocked shows on objects', async () => {
    const Rules = [
      {
        ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' as const, KMSMasterKeyID: 'key-1' },
        BucketKeyEnabled: true,
        BlockedEncryptionTypes: { EncryptionType: ['SSE-C' as const] },
      },
    ];
    await s3.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules } }));
    expect(
      (await s3.send(new GetBucketEncryptionCommand({ Bucket }))).ServerSideEncryptionConfiguration?.Rules,
    ).toEqual(Rules);
    const put = await s3.send(new PutObjectCommand({ Bucket, Key: 'kms', Body: 'hello' }));
    expect(put).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'key-1', BucketKeyEnabled: true });
    const customer = new PutObjectCommand({
      Bucket,
      Key: 'c',
      Body: 'x',
      SSECustomerAlgorithm: 'AES256',
      SSECustomerKey: 'k'.repeat(32),
    });
    expect(await refusal(s3.send(customer))).toMatchObject({ code: 'AccessDenied' });
    await s3.send(new DeleteBucketEncryptionCommand({ Bucket }));
    expect((await s3.send(new PutObjectCommand({ Bucket, Key: 'kms', Body: 'hello' }))).ServerSideEncryption).toBe(
      'AES256',
    );
  });

  test('lifecycle rules are kept as they were, and checked', async () => {
    const Rules = [
      {
        ID: 'parts',
        Status: 'Enabled' as const,
        Filter: { Prefix: '' },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
      },
      {
        ID: 'old',
        Status: 'Enabled' as const,
        Filter: { And: { Prefix: 'hosts/', Tags: [{ Key: 'a', Value: 'b' }] } },
        NoncurrentVersionExpiration: { NoncurrentDays: 30, NewerNoncurrentVersions: 2 },
        Transitions: [{ Days: 30, StorageClass: 'GLACIER_IR' as const }],
      },
    ];
    const put = (rules: object[]) =>
      s3.send(
        new PutBucketLifecycleConfigurationCommand({
          Bucket,
          LifecycleConfiguration: { Rules: rules as typeof Rules },
        }),
      );
    await put(Rules);
    expect((await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))).Rules).toEqual(Rules);
    const base = { ID: 'x', Status: 'Enabled', Filter: { Prefix: '' } };
    expect(await refusal(put([base]))).toMatchObject({ code: 'InvalidRequest' });
    expect(await refusal(put([{ ...base, Status: 'On', Expiration: { Days: 1 } }]))).toMatchObject({
      code: 'MalformedXML',
    });
    expect(await refusal(put([{ ...base, Expiration: { Days: 0 } }]))).toMatchObject({ code: 'InvalidArgument' });
    expect(
      await refusal(
        put([
          { ...base, Expiration: { Days: 1 } },
          { ...base, Expiration: { Days: 1 } },
        ]),
      ),
    ).toMatchObject({ code: 'InvalidArgument' });
    expect(await refusal(put([{ ...base, Transitions: [{ Days: 1, StorageClass: 'STANDARD' }] }]))).toMatchObject({
      code: 'MalformedXML',
    });
    await s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
    expect(await refusal(s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket })))).toMatchObject({
      status: 404,
    });
  });

  test('tags are kept, checked, removed, and shown in the inventory', async () => {
    const TagSet = [{ Key: 'team', Value: 'öps & co'.replace('&', '+') }];
    await s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
    expect((await s3.send(new GetBucketTaggingCommand({ Bucket }))).TagSet).toEqual(TagSet);
    expect(await box.inventory()).toContainEqual(
      expect.objectContaining({ kind: 's3:bucket', id: Bucket, tags: { team: 'öps + co' } }),
    );
    const twice = { TagSet: [TagSet[0], TagSet[0]] as typeof TagSet };
    expect(await refusal(s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: twice })))).toMatchObject({
      code: 'InvalidArgument',
    });
    await s3.send(new DeleteBucketTaggingCommand({ Bucket }));
    expect(await refusal(s3.send(new GetBucketTaggingCommand({ Bucket })))).toMatchObject({ code: 'NoSuchTagSet' });
  });

  test('an unknown operation is 501 and says its name', async () => {
    expect(await refusal(s3.send(new GetBucketCorsCommand({ Bucket })))).toEqual({
      code: 'NotImplemented',
      status: 501,
      message: 'The sandbox does not implement GetBucketCors.',
    });
  });

  test('broken XML is MalformedXML', async () => {
    const put = new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'On' as 'Enabled' } });
    expect(await refusal(s3.send(put))).toMatchObject({ code: 'MalformedXML', status: 400 });
  });
});

describe('bucket policy', () => {
  const put = (Policy: string) => s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  const all = { Action: 's3:*', Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`] };
  const tlsOnly = {
    Sid: 'TlsOnly',
    Effect: 'Deny',
    Principal: '*',
    ...all,
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  };

  test('comes back byte by byte', async () => {
    const text = ` ${policyText(tlsOnly)}\n`;
    await put(text);
    expect((await s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy).toBe(text);
    expect((await s3.send(new GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic).toBe(false);
    await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
    expect(await refusal(s3.send(new GetBucketPolicyCommand({ Bucket })))).toMatchObject({
      code: 'NoSuchBucketPolicy',
    });
  });

  test.each<[string, StatementInput]>([
    ['another bucket', { ...tlsOnly, Resource: 'arn:aws:s3:::other/*' }],
    ['an action of another service', { ...tlsOnly, Action: 'ec2:*' }],
    ['a role that is not there', { ...tlsOnly, Principal: { AWS: `arn:aws:iam::${box.accountId}:role/nobody` } }],
    ['an unknown field', { ...tlsOnly, Actions: [] }],
  ])('about %s is MalformedPolicy', async (_title, statement) => {
    expect(await refusal(put(policyText(statement)))).toMatchObject({ code: 'MalformedPolicy', status: 400 });
  });

  test('that is public is refused while the bucket blocks that', async () => {
    const open = policyText({
      Effect: 'Allow',
      Principal: '*',
      Action: 's3:GetObject',
      Resource: `arn:aws:s3:::${Bucket}/*`,
    });
    const PublicAccessBlockConfiguration = { BlockPublicPolicy: true };
    await s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration }));
    expect(await refusal(put(open))).toMatchObject({ code: 'AccessDenied', status: 403 });
    await s3.send(new PutObjectCommand({ Bucket, Key: 'public', Body: 'for all' }));
    expect((await fetch(`${box.endpoint}/${Bucket}/public`)).status).toBe(403);
    await s3.send(new DeletePublicAccessBlockCommand({ Bucket }));
    await put(open);
    const answer = await fetch(`${box.endpoint}/${Bucket}/public`);
    expect(await answer.text()).toBe('for all');
    expect(answer.headers.get('server')).toBe('HostarkSandbox');
    await s3.send(
      new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: { RestrictPublicBuckets: true } }),
    );
    expect((await fetch(`${box.endpoint}/${Bucket}/public`)).status).toBe(403);
    await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
  });
});

describe('object lock at the bucket', () => {
  test('is set at creation with versioning, and cannot be undone', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'locked', ObjectLockEnabledForBucket: true }));
    const at = { Bucket: 'locked' };
    expect((await s3.send(new GetBucketVersioningCommand(at))).Status).toBe('Enabled');
    expect((await s3.send(new GetObjectLockConfigurationCommand(at))).ObjectLockConfiguration).toEqual({
      ObjectLockEnabled: 'Enabled',
    });
    const suspend = new PutBucketVersioningCommand({ ...at, VersioningConfiguration: { Status: 'Suspended' } });
    expect(await refusal(s3.send(suspend))).toMatchObject({ code: 'InvalidBucketState', status: 409 });
    const ObjectLockConfiguration = {
      ObjectLockEnabled: 'Enabled' as const,
      Rule: { DefaultRetention: { Mode: 'GOVERNANCE' as const, Days: 3 } },
    };
    await s3.send(new PutObjectLockConfigurationCommand({ ...at, ObjectLockConfiguration }));
    expect((await s3.send(new GetObjectLockConfigurationCommand(at))).ObjectLockConfiguration).toEqual(
      ObjectLockConfiguration,
    );
  });

  test('needs versioning on an existing bucket', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'unversioned' }));
    const put = new PutObjectLockConfigurationCommand({
      Bucket: 'unversioned',
      ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' },
    });
    expect(await refusal(s3.send(put))).toMatchObject({ code: 'InvalidBucketState' });
  });
});
