/**
 * How each setting of a bucket is read, compared and written. What others have put into the same policy, lifecycle or
 * tag set is kept: AWS replaces each of these as a whole.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import { HostarkError } from '@hostark/protocol';
import { awsCode, unless } from './aws-error.ts';
import type { BucketSettingName } from './bucket-plan.ts';
import { foreignStatements, mergePolicy, OUR_STATEMENT, type PolicyDocument, parsePolicy } from './bucket-policy.ts';
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

export interface EncryptionRules {
  readonly Rules?: readonly {
    readonly ApplyServerSideEncryptionByDefault?: { readonly SSEAlgorithm?: string; readonly KMSMasterKeyID?: string };
    readonly BucketKeyEnabled?: boolean;
    readonly BlockedEncryptionTypes?: { readonly EncryptionType?: readonly string[] };
  }[];
}

export interface LifecycleRules {
  readonly Rules: readonly ({ readonly ID?: string } & Readonly<Record<string, unknown>>)[];
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
      // AWS leaves BucketKeyEnabled out when it is false; others may have blocked more types than we ask for.
      const pick = (value: unknown): unknown => {
        const rule = (value as EncryptionRules).Rules?.[0];
        const types = rule?.BlockedEncryptionTypes?.EncryptionType ?? [];
        return [
          rule?.ApplyServerSideEncryptionByDefault ?? null,
          rule?.BucketKeyEnabled ?? false,
          types.includes('SSE-C'),
        ];
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
      return answer?.Policy === undefined ? null : parsePolicy(answer.Policy);
    },
    same(found, wanted) {
      const ours = (found as PolicyDocument).Statement.filter((statement) => OUR_STATEMENT.test(statement.Sid ?? ''));
      return sameToAws(ours, (wanted as PolicyDocument).Statement);
    },
    async write(s3, Bucket, wanted, found) {
      const { PutBucketPolicyCommand } = await sdk();
      const merged = mergePolicy(found as PolicyDocument | null, wanted as PolicyDocument);
      try {
        await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(merged) }));
      } catch (error) {
        throw awsCode(error) === 'AccessDenied' && publicStatement(merged) !== null
          ? refusedAsPublic(Bucket, merged, error)
          : error;
      }
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
    same: isLockedAtLeast,
    async write(s3, Bucket, wanted) {
      const { PutObjectLockConfigurationCommand } = await sdk();
      await s3.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: wanted as never }));
    },
  },
};

export function isOurRule(rule: { readonly ID?: string }): boolean {
  return rule.ID?.startsWith('hostark-') ?? false;
}

/** Our rules without the shapes that AWS adds or renames (an empty filter, the old Prefix field). */
function ourRules(value: unknown): unknown {
  return ((value as LifecycleRules | null)?.Rules ?? []).filter(isOurRule).map(comparableRule);
}

/** A rule without its prefix: ours have none, and AWS writes that in several ways. What else a filter says counts. */
export function comparableRule(rule: { readonly ID?: string } & Readonly<Record<string, unknown>>): unknown {
  const { Filter, Prefix, ...rest } = rule;
  const { Prefix: filterPrefix, ...filter } = (Filter ?? {}) as Readonly<Record<string, unknown>>;
  return { ...rest, prefix: (filterPrefix ?? Prefix) || '', filter };
}

interface ObjectLock {
  readonly ObjectLockEnabled?: string;
  readonly Rule?: {
    readonly DefaultRetention?: { readonly Mode?: string; readonly Days?: number; readonly Years?: number };
  };
}

/** A longer or a stricter retention than ours is never taken back. */
function isLockedAtLeast(found: unknown, wanted: unknown): boolean {
  const [there, least] = [found, wanted].map((value) => (value as ObjectLock).Rule?.DefaultRetention);
  const days = (there?.Days ?? 0) + (there?.Years ?? 0) * 365;
  return there?.Mode !== undefined && days >= (least?.Days ?? 0);
}

/** The statement of others that lets everybody in, if there is one. */
function publicStatement(policy: PolicyDocument): string | null {
  const open = foreignStatements(policy).find(
    ({ Effect, Principal }) => Effect === 'Allow' && JSON.stringify(Principal ?? '').includes('"*"'),
  );
  return open === undefined ? null : (open.Sid ?? '(unnamed)');
}

function refusedAsPublic(bucket: string, policy: PolicyDocument, cause: unknown): HostarkError {
  const sid = publicStatement(policy);
  return new HostarkError(
    'cloud-refused',
    `bucket ${bucket}: S3 takes no policy with the public statement ${sid} while public access is blocked`,
    { hint: `remove statement ${sid} from the bucket policy (it is not ours), then run this again`, cause },
  );
}
