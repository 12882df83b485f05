/**
 * A bucket remembers in its own tags what was chosen for it, so that a second run or an audit, from any machine and
 * without the same flags, expects what was chosen and not the defaults. Pure but for one reading call.
 */
import { awsStatus, unless } from './aws-error.ts';
import { BUCKET_CLASSES, type BucketClass } from './bucket-lifecycle.ts';
import type { AwsClients } from './clients.ts';
import { readTags, type Tags } from './tags.ts';

const TAG_KMS_KEY = 'hostark:kms-key';
const TAG_OBJECT_LOCK = 'hostark:object-lock-days';
const TAG_NONCURRENT = 'hostark:expire-noncurrent';
const TAG_CLASS = 'hostark:storage-class';

export interface BucketChoices {
  /** KMS key id or ARN; default SSE-S3. */
  readonly kmsKey?: string;
  /** Object Lock with a default GOVERNANCE retention of so many days; only possible at creation. */
  readonly objectLockDays?: number;
  /** Noncurrent versions expire after so many days; default 90, null = never. */
  readonly expireNoncurrentDays?: number | null;
  /** Where objects above 128 KiB (packs) move by lifecycle; default STANDARD: they stay. */
  readonly storageClass?: BucketClass;
}

/** The tags that keep choices; what was left to the defaults has none. */
export function choiceTags(choices: BucketChoices): Tags {
  const { kmsKey, objectLockDays, expireNoncurrentDays, storageClass } = choices;
  return {
    ...(kmsKey === undefined ? {} : { [TAG_KMS_KEY]: kmsKey }),
    ...(objectLockDays === undefined ? {} : { [TAG_OBJECT_LOCK]: String(objectLockDays) }),
    ...(expireNoncurrentDays === undefined ? {} : { [TAG_NONCURRENT]: String(expireNoncurrentDays ?? 'never') }),
    ...(storageClass === undefined ? {} : { [TAG_CLASS]: storageClass }),
  };
}

/** The choices that tags keep. A value that cannot be one counts as not there: then the defaults are expected. */
export function readChoices(tags: Tags): BucketChoices {
  const days = (tag: string): number | undefined => {
    const value = Number(tags[tag]);
    return Number.isInteger(value) && value >= 1 && value <= 36_500 ? value : undefined;
  };
  const kmsKey = tags[TAG_KMS_KEY];
  const objectLockDays = days(TAG_OBJECT_LOCK);
  const expireNoncurrentDays = tags[TAG_NONCURRENT] === 'never' ? null : days(TAG_NONCURRENT);
  const storageClass = BUCKET_CLASSES.find((name) => name === tags[TAG_CLASS]) as BucketClass | undefined;
  return {
    ...(kmsKey ? { kmsKey } : {}),
    ...(objectLockDays === undefined ? {} : { objectLockDays }),
    ...(expireNoncurrentDays === undefined ? {} : { expireNoncurrentDays }),
    ...(storageClass === undefined ? {} : { storageClass }),
  };
}

/**
 * Returns the choices that the bucket remembers; none when it does not exist, lies elsewhere or is not the caller's:
 * what works on the bucket finds that out and says it. A KMS key found without a tag counts as chosen: encryption with
 * a key of one's own is never taken back to S3's by a default.
 */
export async function choicesOf(clients: AwsClients, name: string, region: string): Promise<BucketChoices> {
  const { GetBucketEncryptionCommand, GetBucketTaggingCommand } = await import('@aws-sdk/client-s3');
  const s3 = await clients.s3(region);
  try {
    const answer = await unless(s3.send(new GetBucketTaggingCommand({ Bucket: name })), 'NoSuchTagSet');
    const choices = readChoices(readTags(answer?.TagSet));
    if (choices.kmsKey !== undefined) return choices;
    const call = s3.send(new GetBucketEncryptionCommand({ Bucket: name }));
    const rules = (await unless(call, 'ServerSideEncryptionConfigurationNotFoundError'))
      ?.ServerSideEncryptionConfiguration?.Rules;
    const kmsKey = rules?.[0]?.ApplyServerSideEncryptionByDefault?.KMSMasterKeyID;
    return kmsKey === undefined ? choices : { ...choices, kmsKey };
  } catch (error) {
    if ([301, 400, 403, 404].includes(awsStatus(error))) return {};
    throw error;
  }
}
