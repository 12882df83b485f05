/**
 * What S3 does to a bucket's objects by itself: unfinished uploads and old versions go, packs may move to a cheaper
 * class. Pure. Moving is left to the lifecycle and not asked for at upload: then it holds for whatever writes (hosts,
 * this machine, stock restic), and what an engine reads all day (index, snapshots, keys, locks) stays in Standard.
 */

/** Classes whose objects can be read at once: a restore or a check must not wait for hours. */
export const BUCKET_CLASSES = ['STANDARD', 'STANDARD_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR'] as const;
export type BucketClass = (typeof BUCKET_CLASSES)[number];

/** Days after which unfinished multipart uploads are removed. */
const MULTIPART_DAYS = 7;

/** S3 "Transitioning objects": 30 days at least for STANDARD_IA, none for the others. */
const MOVE_AFTER_DAYS: Readonly<Record<Exclude<BucketClass, 'STANDARD'>, number>> = {
  STANDARD_IA: 30,
  INTELLIGENT_TIERING: 0,
  GLACIER_IR: 0,
};

/** S3 charges 128 KiB at least in these classes. Packs are larger; keys, snapshots and locks are not. */
const MOVED_FROM_BYTES: number = 128 * 1024;

/** Ids of our rules; others in the same bucket are left alone. */
export const LIFECYCLE_RULES = {
  multipart: 'hostark-abort-multipart',
  noncurrent: 'hostark-expire-noncurrent',
  move: 'hostark-move-packs',
} as const;

export interface LifecycleRule {
  readonly ID: string;
  readonly Status: 'Enabled';
  readonly Filter: { readonly Prefix: string } | { readonly ObjectSizeGreaterThan: number };
  readonly [action: string]: unknown;
}

/** The rules as S3 takes them. `noncurrentDays` null keeps old versions for ever. */
export function lifecycleRules(noncurrentDays: number | null, storageClass: BucketClass): LifecycleRule[] {
  const abort: LifecycleRule = {
    ID: LIFECYCLE_RULES.multipart,
    Status: 'Enabled',
    Filter: { Prefix: '' },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: MULTIPART_DAYS },
  };
  const expire: LifecycleRule = {
    ID: LIFECYCLE_RULES.noncurrent,
    Status: 'Enabled',
    Filter: { Prefix: '' },
    Expiration: { ExpiredObjectDeleteMarker: true },
    NoncurrentVersionExpiration: { NoncurrentDays: noncurrentDays },
  };
  return [
    abort,
    ...(noncurrentDays === null ? [] : [expire]),
    ...(storageClass === 'STANDARD' ? [] : [moveRule(storageClass)]),
  ];
}

function moveRule(storageClass: Exclude<BucketClass, 'STANDARD'>): LifecycleRule {
  return {
    ID: LIFECYCLE_RULES.move,
    Status: 'Enabled',
    Filter: { ObjectSizeGreaterThan: MOVED_FROM_BYTES },
    Transitions: [{ Days: MOVE_AFTER_DAYS[storageClass], StorageClass: storageClass }],
  };
}

/** The rules in one line for people. */
export function describeLifecycle(noncurrentDays: number | null, storageClass: BucketClass): string {
  const versions = noncurrentDays === null ? 'kept for ever' : `kept for ${noncurrentDays} days`;
  const parts = [`unfinished uploads removed after ${MULTIPART_DAYS} days`, `deleted or replaced versions ${versions}`];
  if (storageClass !== 'STANDARD') {
    const days = MOVE_AFTER_DAYS[storageClass];
    parts.push(`objects above 128 KiB move to ${storageClass} ${days === 0 ? 'at once' : `after ${days} days`}`);
  }
  return parts.join('; ');
}
