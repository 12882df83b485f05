/**
 * A bucket as it should be, as plain data: the list of settings that a plan prints, a run applies and an audit
 * compares. Pure. `wanted` has the shape that the S3 API takes.
 */
import { HostarkError } from '@hostark/protocol';
import { type BucketChoices, choiceTags } from './bucket-choices.ts';
import { BUCKET_CLASSES, describeLifecycle, lifecycleRules } from './bucket-lifecycle.ts';
import { checkBucketName } from './bucket-name.ts';
import { bucketPolicy } from './bucket-policy.ts';
import { type BucketPrice, bucketPrice, classWarnings } from './bucket-price.ts';
import { isLoopback } from './endpoint.ts';
import { TAG_MANAGED } from './tags.ts';

export interface BucketRequest extends BucketChoices {
  readonly name: string;
  /** Default: the clients' region. */
  readonly region?: string;
  /** Sizes that the plan prices, in GiB; default 10, 100 and 1,000. */
  readonly sizesGib?: readonly number[];
  /** Whether the bucket policy refuses overwriting of repository objects. Stock restic cannot write then. Default true. */
  readonly createOnly?: boolean;
  readonly tags?: Readonly<Record<string, string>>;
}

export const BUCKET_SETTINGS = [
  'public-access-block',
  'ownership',
  'versioning',
  'encryption',
  'policy',
  'lifecycle',
  'tags',
  'object-lock',
] as const;
export type BucketSettingName = (typeof BUCKET_SETTINGS)[number];

/** One setting: `wanted` is what AWS is told, `summary` is one line for people. */
export interface BucketSetting {
  readonly setting: BucketSettingName;
  readonly summary: string;
  readonly wanted: unknown;
}

export interface BucketPlan {
  readonly kind: 'bucket';
  readonly name: string;
  readonly region: string;
  readonly partition: string;
  readonly account: string;
  readonly endpoint: string | null;
  readonly objectLock: boolean;
  readonly settings: readonly BucketSetting[];
  readonly price: BucketPrice;
  /** What the caller should know before: shortest charged times, fees that are not in the price. */
  readonly warnings: readonly string[];
}

/** Where and whose the bucket will be. */
export interface BucketPlace {
  readonly region: string;
  readonly partition: string;
  readonly account: string;
  readonly endpoint: string | null;
}

/** Old versions are the way back from a mistake: kept long enough to notice one. */
const NONCURRENT_DAYS = 90;

/** Throws 'bucket-name' or 'usage' before anything was asked. */
export function bucketPlan(place: BucketPlace, request: BucketRequest): BucketPlan {
  checkBucketName(request.name);
  checkDays('objectLockDays', request.objectLockDays ?? null, 36_500);
  checkDays('expireNoncurrentDays', request.expireNoncurrentDays ?? null, 36_500);
  const storageClass = request.storageClass ?? 'STANDARD';
  checkClass(storageClass);
  const noncurrentDays = request.expireNoncurrentDays === undefined ? NONCURRENT_DAYS : request.expireNoncurrentDays;
  const settings: BucketSetting[] = [
    {
      setting: 'public-access-block',
      summary: 'all public access blocked',
      wanted: { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true },
    },
    {
      setting: 'ownership',
      summary: 'objects belong to the bucket owner, ACLs are off',
      wanted: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
    },
    { setting: 'versioning', summary: 'versioning on', wanted: { Status: 'Enabled' } },
    encryption(request.kmsKey),
    policy(place, request),
    {
      setting: 'lifecycle',
      summary: describeLifecycle(noncurrentDays, storageClass),
      wanted: { Rules: lifecycleRules(noncurrentDays, storageClass) },
    },
    {
      setting: 'tags',
      summary: 'tagged as managed by Hostark',
      wanted: { [TAG_MANAGED]: 'true', ...choiceTags(request), ...request.tags },
    },
  ];
  if (request.objectLockDays !== undefined) settings.push(objectLock(request.objectLockDays));
  return {
    kind: 'bucket',
    name: request.name,
    ...place,
    objectLock: request.objectLockDays !== undefined,
    settings,
    price: bucketPrice({ ...place, storageClass, ...(request.sizesGib ? { sizesGib: request.sizesGib } : {}) }),
    warnings: classWarnings(place.region, storageClass),
  };
}

/** Objects under a key that the caller brings could not be read by anyone else: S3 refuses them. */
const noCustomerKeys = { BlockedEncryptionTypes: { EncryptionType: ['SSE-C'] } };

function encryption(kmsKey: string | undefined): BucketSetting {
  const rule =
    kmsKey === undefined
      ? { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' }, BucketKeyEnabled: false, ...noCustomerKeys }
      : {
          ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: kmsKey },
          BucketKeyEnabled: true,
          ...noCustomerKeys,
        };
  const how = kmsKey === undefined ? 'encrypted by S3 (SSE-S3)' : `encrypted with KMS key ${kmsKey}, bucket key on`;
  return { setting: 'encryption', summary: `${how}; SSE-C blocked`, wanted: { Rules: [rule] } };
}

function policy(place: BucketPlace, request: BucketRequest): BucketSetting {
  // An endpoint without TLS of its own would lock everybody out; a sandbox on loopback counts as private transport.
  const tls = place.endpoint === null || place.endpoint.startsWith('https:') || isLoopback(place.endpoint);
  const createOnly = request.createOnly ?? true;
  const parts = [
    ...(tls ? ['TLS 1.2 or newer only'] : []),
    'no customer-provided keys',
    ...(createOnly ? ['repository objects can be created but not overwritten'] : []),
  ];
  return {
    setting: 'policy',
    summary: parts.join('; '),
    wanted: bucketPolicy({ partition: place.partition, bucket: request.name, tls, createOnly }),
  };
}

function objectLock(days: number): BucketSetting {
  return {
    setting: 'object-lock',
    summary: `Object Lock: governance mode, ${days} days from writing`,
    wanted: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: days } } },
  };
}

function checkDays(name: string, days: number | null, most: number): void {
  if (days === null || (Number.isInteger(days) && days >= 1 && days <= most)) return;
  throw new HostarkError('usage', `${name}: expected 1 to ${most} days, got ${days}`, { hint: 'give whole days' });
}

function checkClass(storageClass: string): void {
  if ((BUCKET_CLASSES as readonly string[]).includes(storageClass)) return;
  const cold = ['GLACIER', 'DEEP_ARCHIVE'].includes(storageClass);
  throw new HostarkError(
    'usage',
    `storage class: expected one of ${BUCKET_CLASSES.join(', ')}, got ${JSON.stringify(storageClass)}`,
    {
      hint: cold
        ? 'objects of the archive classes take hours to read: a restore would wait for them. GLACIER_IR is read at once'
        : 'STANDARD keeps everything where it is written',
    },
  );
}
