/** A bucket as it should be, as plain data: the list of settings that a plan prints, a run applies and an audit compares. */

export interface BucketRequest {
  readonly name: string;
  /** Default: the clients' region. */
  readonly region?: string;
  /** KMS key id or ARN; default SSE-S3. */
  readonly kmsKey?: string;
  /** Object Lock with a default GOVERNANCE retention of so many days; only possible at creation. */
  readonly objectLockDays?: number;
  /** Noncurrent versions expire after so many days; default 90, null = never. */
  readonly expireNoncurrentDays?: number | null;
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
}
