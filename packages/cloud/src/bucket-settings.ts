/**
 * How each setting of a bucket is read, compared and written. What others have put into the same policy, lifecycle or
 * tag set is kept: AWS replaces each of these as a whole.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import { unless } from './aws-error.ts';
import type { BucketSettingName } from './bucket-plan.ts';
import { mergePolicy, OUR_STATEMENT, type PolicyDocument } from './bucket-policy.ts';
import { sameToAws } from './canonical.ts';
import { awsTags, readTags, type Tags } from './tags.ts';

export interface SettingAccess {
  /** Returns null when nothing is set. */
  read(s3: S3Client, bucket: string): Promise<unknown>;
  same(found: unknown, wanted: unknown): boolean;
  write(s3: S3Client, bucket: string, wanted: unknown, found: unknown): Promise<void>;
}

type Sdk = typeof import('@aws-sdk/client-s3');
const sdk = (): Promise<Sdk> => import('@aws-sdk/client-s3');

interface LifecycleRules {
  readonly Rules: readonly { readonly ID?: string }[];
}

/** Total by type: a new setting does not compile until it is here. */
export const SETTING_ACCESS: Readonly<Record<BucketSettingName, SettingAccess>> = {
  'public-access-block': {
    async read(s3, Bucket) {
      const { GetPublicAccessBlockCommand } = await sdk();
      const call = s3.send(new GetPublicAccessBlockCommand({ Bucket }));
      return (await unless(call, 'NoSuchPublicAccessBlockConfiguration'))?.PublicAccessBlockConfiguration ?? null;
    },
    same: sameToAws,
    async write(s3, Bucket, wanted) {
      const { PutPublicAccessBlockCommand } = await sdk();
      await s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: wanted as object }));
    },
  },
  ownership: {
    async read(s3, Bucket) {
      const { GetBucketOwnershipControlsCommand } = await sdk();
      const call = s3.send(new GetBucketOwnershipControlsCommand({ Bucket }));
      return (await unless(call, 'OwnershipControlsNotFoundError'))?.OwnershipControls ?? null;
    },
    same: sameToAws,
    async write(s3, Bucket, wanted) {
      const { PutBucketOwnershipControlsCommand } = await sdk();
      await s3.send(new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls: wanted as never }));
    },
  },
  versioning: {
    async read(s3, Bucket) {
      const { GetBucketVersioningCommand } = await sdk();
      const { Status } = await s3.send(new GetBucketVersioningCommand({ Bucket }));
      return Status === undefined ? null : { Status };
    },
    same: sameToAws,
    async write(s3, Bucket, wanted) {
      const { PutBucketVersioningCommand } = await sdk();
      await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: wanted as never }));
    },
  },
  encryption: {
    async read(s3, Bucket) {
      const { GetBucketEncryptionCommand } = await sdk();
      const call = s3.send(new GetBucketEncryptionCommand({ Bucket }));
      const answer = await unless(call, 'ServerSideEncryptionConfigurationNotFoundError');
      return answer?.ServerSideEncryptionConfiguration ?? null;
    },
    same(found, wanted) {
      // AWS adds fields of its own here (blocked encryption types), and leaves BucketKeyEnabled out when it is false.
      const pick = (value: unknown): unknown => {
        const rule = (
          value as { Rules?: { ApplyServerSideEncryptionByDefault?: object; BucketKeyEnabled?: boolean }[] }
        ).Rules?.[0];
        return [rule?.ApplyServerSideEncryptionByDefault ?? null, rule?.BucketKeyEnabled ?? false];
      };
      return sameToAws(pick(found), pick(wanted));
    },
    async write(s3, Bucket, wanted) {
      const { PutBucketEncryptionCommand } = await sdk();
      await s3.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: wanted as never }));
    },
  },
  policy: {
    async read(s3, Bucket) {
      const { GetBucketPolicyCommand } = await sdk();
      const answer = await unless(s3.send(new GetBucketPolicyCommand({ Bucket })), 'NoSuchBucketPolicy');
      return answer?.Policy === undefined ? null : JSON.parse(answer.Policy);
    },
    same(found, wanted) {
      const ours = (found as PolicyDocument).Statement.filter((statement) => OUR_STATEMENT.test(statement.Sid ?? ''));
      return sameToAws(ours, (wanted as PolicyDocument).Statement);
    },
    async write(s3, Bucket, wanted, found) {
      const { PutBucketPolicyCommand } = await sdk();
      const merged = mergePolicy(found as PolicyDocument | null, wanted as PolicyDocument);
      await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(merged) }));
    },
  },
  lifecycle: {
    async read(s3, Bucket) {
      const { GetBucketLifecycleConfigurationCommand } = await sdk();
      const call = s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
      const rules = (await unless(call, 'NoSuchLifecycleConfiguration'))?.Rules;
      return rules === undefined ? null : { Rules: rules };
    },
    same: (found, wanted) => sameToAws(ourRules(found), ourRules(wanted)),
    async write(s3, Bucket, wanted, found) {
      const { PutBucketLifecycleConfigurationCommand } = await sdk();
      const theirs = ((found as LifecycleRules | null)?.Rules ?? []).filter((rule) => !isOurRule(rule));
      const Rules = [...theirs, ...(wanted as LifecycleRules).Rules];
      await s3.send(
        new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: Rules as never } }),
      );
    },
  },
  tags: {
    async read(s3, Bucket) {
      const { GetBucketTaggingCommand } = await sdk();
      const answer = await unless(s3.send(new GetBucketTaggingCommand({ Bucket })), 'NoSuchTagSet');
      return answer === null ? null : readTags(answer.TagSet);
    },
    same: (found, wanted) => Object.entries(wanted as Tags).every(([key, value]) => (found as Tags)[key] === value),
    async write(s3, Bucket, wanted, found) {
      const { PutBucketTaggingCommand } = await sdk();
      const TagSet = awsTags({ ...(found as Tags | null), ...(wanted as Tags) });
      await s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
    },
  },
  'object-lock': {
    async read(s3, Bucket) {
      const { GetObjectLockConfigurationCommand } = await sdk();
      const call = s3.send(new GetObjectLockConfigurationCommand({ Bucket }));
      return (await unless(call, 'ObjectLockConfigurationNotFoundError'))?.ObjectLockConfiguration ?? null;
    },
    same: sameToAws,
    async write(s3, Bucket, wanted) {
      const { PutObjectLockConfigurationCommand } = await sdk();
      await s3.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: wanted as never }));
    },
  },
};

function isOurRule(rule: { readonly ID?: string }): boolean {
  return rule.ID?.startsWith('hostark-') ?? false;
}

/** Our rules without the shapes that AWS adds or renames (an empty filter, the old Prefix field). */
function ourRules(value: unknown): unknown {
  const rules = ((value as LifecycleRules | null)?.Rules ?? []) as readonly ({ readonly ID?: string } & Record<
    string,
    unknown
  >)[];
  return rules.filter(isOurRule).map(({ Filter: _filter, Prefix: _prefix, ...rest }) => rest);
}
