import {
  DeleteBucketEncryptionCommand,
  DeleteBucketLifecycleCommand,
  DeleteBucketOwnershipControlsCommand,
  DeleteBucketPolicyCommand,
  DeleteBucketTaggingCommand,
  DeletePublicAccessBlockCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { strangersIn } from '../src/bucket-checks.ts';
import type { PolicyDocument, PolicyStatement } from '../src/bucket-policy.ts';
import {
  type BucketAuditPlan,
  type BucketCheck,
  type BucketRequest,
  createBucket,
  planBucket,
  planBucketAudit,
  runBucketAudit,
} from '../src/index.ts';
import { startTestCloud, type TestCloud } from './sandbox.ts';

let cloud: TestCloud;
let s3: S3Client;
const Bucket = 'audited-backups';

beforeAll(async () => {
  cloud = await startTestCloud();
  s3 = await cloud.clients.s3();
  await createBucket(cloud.clients, await planBucket(cloud.clients, { name: Bucket }), { ledger: cloud.ledger });
});
afterAll(() => cloud.stop());

const audit = async (name = Bucket, more: object = {}): Promise<BucketAuditPlan> =>
  planBucketAudit(cloud.clients, await planBucket(cloud.clients, { name }), more);
const checks = (plan: BucketAuditPlan): BucketCheck[] => plan.deviations.map(({ check }) => check);
const fix = async (plan: BucketAuditPlan): Promise<unknown> =>
  runBucketAudit(cloud.clients, plan, { ledger: cloud.ledger });

async function policy(): Promise<PolicyDocument> {
  return JSON.parse((await s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy!);
}

async function putStatements(edit: (statements: PolicyStatement[]) => PolicyStatement[]): Promise<void> {
  const { Statement } = await policy().catch(() => ({ Statement: [] }));
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: edit([...Statement]) });
  if (edit([...Statement]).length === 0) await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
  else await s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
}

const without =
  (sid: string) =>
  (statements: PolicyStatement[]): PolicyStatement[] =>
    statements.filter(({ Sid }) => Sid !== sid);

async function editRules(edit: (rules: Record<string, unknown>[]) => Record<string, unknown>[]): Promise<void> {
  const { Rules = [] } = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
  const rules = edit(Rules as never);
  const LifecycleConfiguration = { Rules: rules as never };
  if (rules.length === 0) await s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
  else await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration }));
}

/** Each takes one thing away, in the order of the audit's report; several may be taken away together. */
const KNOCK_OUT: Readonly<Partial<Record<BucketCheck, () => Promise<unknown>>>> = {
  'public-access-block': () => s3.send(new DeletePublicAccessBlockCommand({ Bucket })),
  ownership: () => s3.send(new DeleteBucketOwnershipControlsCommand({ Bucket })),
  versioning: () =>
    s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Suspended' } })),
  'customer-keys': () =>
    s3.send(
      new PutBucketEncryptionCommand({
        Bucket,
        ServerSideEncryptionConfiguration: {
          Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' }, BucketKeyEnabled: false }],
        },
      }),
    ),
  'tls-only': () => putStatements(without('HostarkTlsOnly')),
  'tls-version': () =>
    putStatements((all) =>
      all.map((one) =>
        one.Sid === 'HostarkTls12' ? { ...one, Condition: { NumericLessThan: { 's3:TlsVersion': '1.1' } } } : one,
      ),
    ),
  'customer-keys-policy': () => putStatements(without('HostarkNoCustomerKeys')),
  'create-only': () => putStatements(without('HostarkCreateOnly')),
  'multipart-cleanup': () => editRules((rules) => rules.filter(({ ID }) => ID !== 'hostark-abort-multipart')),
  'noncurrent-expiry': () =>
    editRules((rules) =>
      rules.map((rule) =>
        rule.ID === 'hostark-expire-noncurrent'
          ? { ...rule, NoncurrentVersionExpiration: { NoncurrentDays: 1 } }
          : rule,
      ),
    ),
  tags: () => s3.send(new DeleteBucketTaggingCommand({ Bucket })),
};
const NAMES = Object.keys(KNOCK_OUT) as BucketCheck[];

describe('an audit', () => {
  it('finds nothing in a bucket that was just made', async () => {
    expect(await audit()).toMatchObject({ exists: true, ours: true, deviations: [], notes: [] });
  });

  it('names exactly what was taken away, in any combination, and its fix restores exactly that', async () => {
    const hardened = (await audit()).audit.findings.map(({ found }) => found);
    const subsets = fc.subarray(NAMES, { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(subsets, async (subset) => {
        for (const name of subset) await KNOCK_OUT[name]!();
        const found = await audit();
        expect(checks(found)).toEqual(subset);
        for (const { fix: remedy, expected } of found.deviations) expect([remedy, expected]).not.toContain(null);
        await fix(found);
        const after = await audit();
        expect(after.deviations).toEqual([]);
        const restored = after.audit.findings.map((finding) => [finding.setting.setting, finding.state]);
        expect(restored.filter(([, state]) => state !== 'as-wanted')).toEqual([]);
        // Tags that tie the bucket to the ledger belong to the run that made it: an audit cannot know them.
        const same = after.audit.findings.filter(({ setting }) => setting.setting !== 'tags').map(({ found: f }) => f);
        expect(new Set(same.map(canonicalText))).toEqual(
          new Set(hardened.filter((one) => !canonicalText(one).includes('hostark:managed')).map(canonicalText)),
        );
      }),
      { numRuns: 12, examples: [[NAMES], ...NAMES.map((name): [BucketCheck[]] => [[name]])] },
    );
  }, 60_000);

  it('says what a fix would do, and each part of a loosened setting', async () => {
    await s3.send(
      new PutPublicAccessBlockCommand({
        Bucket,
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          IgnorePublicAcls: true,
          BlockPublicPolicy: false,
          RestrictPublicBuckets: false,
        },
      }),
    );
    await s3.send(new DeleteBucketEncryptionCommand({ Bucket }));
    const plan = await audit();
    expect(plan.deviations).toEqual([
      {
        check: 'public-access-block',
        expected: 'all public access blocked',
        found: 'off: BlockPublicPolicy, RestrictPublicBuckets',
        fix: 'set: all public access blocked',
      },
      { check: 'customer-keys', expected: 'SSE-C blocked', found: 'allowed', fix: 'block SSE-C' },
    ]);
    expect(JSON.parse(JSON.stringify(plan.deviations))).toEqual(plan.deviations);
    await fix(plan);
    expect(checks(await audit())).toEqual([]);
  });

  it('names statements that let others in and rules that delete backups, and leaves them alone', async () => {
    const theirs: PolicyStatement[] = [
      {
        Sid: 'Auditors',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${cloud.sandbox.accountId}:root` },
        Action: 's3:GetObject',
        Resource: `arn:aws:s3:::${Bucket}/*`,
      },
      {
        Effect: 'Allow',
        Principal: '*',
        Action: 's3:GetObject',
        Resource: `arn:aws:s3:::${Bucket}/public/*`,
      },
      {
        Sid: 'HostarkBackDoor',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${cloud.sandbox.accountId}:root` },
        Action: 's3:*',
        Resource: `arn:aws:s3:::${Bucket}/*`,
      },
    ];
    await s3.send(new DeletePublicAccessBlockCommand({ Bucket }));
    await putStatements((ours) => [...theirs, ...without('HostarkCreateOnly')(ours)]);
    await editRules((rules) => [
      ...rules,
      { ID: 'tidy', Status: 'Enabled', Filter: { Prefix: 'hosts/' }, Expiration: { Days: 30 } },
    ]);
    const plan = await audit();
    expect(checks(plan)).toEqual([
      'public-access-block',
      'create-only',
      'policy-leftover',
      'policy-access',
      'lifecycle-access',
    ]);
    const [, , , access, rule] = plan.deviations;
    expect(access).toMatchObject({
      fix: null,
      found: expect.stringContaining('(unnamed) (Allow s3:GetObject) lets in *'),
    });
    expect(rule).toMatchObject({ fix: null, found: expect.stringContaining('rule tidy') });
    expect(plan.notes).toEqual([
      'policy statement Auditors of others is left alone',
      'policy statement (unnamed) of others is left alone',
      'lifecycle rule tidy of others is left alone',
    ]);
    // S3 takes no public statement once public access is blocked: everything else is set, and this is said.
    await expect(fix(plan)).rejects.toMatchObject({ code: 'cloud-refused', hint: expect.stringContaining('not ours') });
    expect(checks(await audit())).toEqual(['create-only', 'policy-leftover', 'policy-access', 'lifecycle-access']);
    await putStatements((all) => all.filter(({ Sid }) => Sid !== undefined));
    await fix(await audit());
    expect(checks(await audit())).toEqual(['lifecycle-access']);
    expect((await policy()).Statement.map(({ Sid }) => Sid)).toEqual([
      'Auditors',
      'HostarkTlsOnly',
      'HostarkTls12',
      'HostarkNoCustomerKeys',
      'HostarkCreateOnly',
    ]);
    await editRules((rules) => rules.filter(({ ID }) => ID !== 'tidy'));
    expect(checks(await audit())).toEqual([]);
  });

  it('names rules of others that take old versions sooner than was chosen, and no later ones', async () => {
    const expire = (ID: string, NoncurrentDays: number) => ({
      ID,
      Status: 'Enabled',
      Filter: { Prefix: 'hosts/' },
      NoncurrentVersionExpiration: { NoncurrentDays },
    });
    await editRules((rules) => [...rules, expire('hasty', 1), expire('slow', 3650)]);
    const { deviations } = await audit();
    expect(deviations).toEqual([
      expect.objectContaining({ check: 'lifecycle-access', found: expect.stringContaining('rule hasty'), fix: null }),
    ]);
    await editRules((rules) => rules.filter(({ ID }) => ID !== 'hasty' && ID !== 'slow'));
  });

  it('of a bucket that is not there says so', async () => {
    expect(await audit('nobody-made-this')).toMatchObject({ exists: false, deviations: [] });
  });
});

describe('a bucket remembers what was chosen for it', () => {
  const make = async (request: BucketRequest): Promise<void> => {
    await createBucket(cloud.clients, await planBucket(cloud.clients, request), { ledger: cloud.ledger });
  };

  it('so that a second run and an audit without the flags expect it', async () => {
    const kmsKey = `arn:aws:kms:us-east-1:${cloud.sandbox.accountId}:key/11111111-2222-3333-4444-555555555555`;
    await make({ name: 'chosen', kmsKey, expireNoncurrentDays: null, storageClass: 'GLACIER_IR', objectLockDays: 10 });
    expect((await audit('chosen')).deviations).toEqual([]);
    const again = await planBucket(cloud.clients, { name: 'chosen' });
    const report = await createBucket(cloud.clients, again, { ledger: cloud.ledger });
    expect(report.settings.filter(({ changed }) => changed)).toEqual([]);
    expect(JSON.stringify(again.settings)).toContain('GLACIER_IR');
    const other = await planBucket(cloud.clients, {
      name: 'chosen',
      storageClass: 'STANDARD',
      expireNoncurrentDays: 30,
    });
    expect(checks(await planBucketAudit(cloud.clients, other))).toEqual([
      'noncurrent-expiry',
      'lifecycle-leftover',
      'tags',
    ]);
  });

  it('and encryption with a key of one’s own is kept also when the tags are gone', async () => {
    await make({ name: 'with-key', kmsKey: 'alias/backups' });
    await s3.send(new DeleteBucketTaggingCommand({ Bucket: 'with-key' }));
    expect(checks(await audit('with-key'))).toEqual(['tags']);
  });

  it('while nonsense in a tag counts as nothing', async () => {
    await make({ name: 'odd-tags', expireNoncurrentDays: 7 });
    await s3.send(
      new PutBucketTaggingCommand({
        Bucket: 'odd-tags',
        Tagging: {
          TagSet: [
            { Key: 'hostark:expire-noncurrent', Value: '-1' },
            { Key: 'hostark:managed', Value: 'true' },
          ],
        },
      }),
    );
    expect(checks(await audit('odd-tags'))).toEqual(['noncurrent-expiry']);
  });
});

describe('who is a stranger', () => {
  const known = { account: '123456789012', allowed: ['999999999999', 'arn:aws:iam::888888888888:role/reader'] };
  const allow = (Principal: unknown, Condition?: PolicyStatement['Condition']): PolicyStatement => ({
    Effect: 'Allow',
    Principal,
    Action: 's3:GetObject',
    ...(Condition === undefined ? {} : { Condition }),
  });
  it.each([
    [allow('*'), ['*']],
    [allow({ AWS: '*' }), ['*']],
    [allow({ AWS: ['arn:aws:iam::123456789012:root', '777777777777'] }), ['777777777777']],
    [allow({ AWS: 'arn:aws:iam::888888888888:role/reader' }), []],
    [allow({ AWS: 'arn:aws:iam::888888888888:role/writer' }), ['arn:aws:iam::888888888888:role/writer']],
    [allow({ AWS: 'arn:aws:iam::999999999999:root' }), []],
    [allow({ Service: 'logging.s3.amazonaws.com' }), []],
    [allow({ Federated: 'cognito-identity.amazonaws.com' }), ['cognito-identity.amazonaws.com']],
    [allow('*', { StringEquals: { 'aws:PrincipalAccount': '123456789012' } }), []],
    [allow('*', { StringEquals: { 'aws:PrincipalAccount': ['123456789012', '777777777777'] } }), ['*']],
    [allow('*', { StringLike: { 'aws:PrincipalAccount': '*' } }), ['*']],
    [{ ...allow('*'), Effect: 'Deny' as const }, []],
    [{ Effect: 'Allow' as const, NotPrincipal: { AWS: 'x' }, Action: 's3:*' }, ['everybody but some (NotPrincipal)']],
  ])('%j: %j', (statement, strangers) => {
    expect(strangersIn(statement as PolicyStatement, known)).toEqual(strangers);
  });
});

function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    Array.isArray(one)
      ? one.map((item) => JSON.stringify(item)).sort()
      : typeof one === 'object' && one !== null
        ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
        : one,
  );
}
