/** What S3 keeps, as plain data: buckets, versions of objects, multipart uploads. Times are milliseconds since the epoch. */

export const STORAGE_CLASSES = [
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER',
  'DEEP_ARCHIVE',
  'GLACIER_IR',
] as const;

/** Subresources of a bucket that are kept as XML. */
export const CONFIGURATIONS = [
  'publicAccessBlock',
  'ownershipControls',
  'versioning',
  'encryption',
  'lifecycle',
  'tagging',
  'object-lock',
] as const;
export type ConfigurationName = (typeof CONFIGURATIONS)[number];

export interface BucketRecord {
  readonly name: string;
  readonly region: string;
  readonly createdAt: number;
  readonly objectLockEnabled: boolean;
  readonly versioning: 'Enabled' | 'Suspended' | null;
  /** JSON text; null when there is none. */
  readonly policy: string | null;
  /** XML inside the root element, by subresource. */
  readonly configurations: Readonly<Partial<Record<ConfigurationName, string>>>;
}

/** A stretch of an object's bytes: a whole data file. */
export interface Segment {
  readonly file: string;
  readonly size: number;
}

export interface Retention {
  readonly mode: 'GOVERNANCE' | 'COMPLIANCE';
  readonly until: number;
}

export interface Encryption {
  readonly algorithm: 'AES256' | 'aws:kms' | 'aws:kms:dsse';
  readonly keyId?: string;
  readonly bucketKey?: boolean;
}

/** What a client says about an object when it creates it. */
export interface ObjectDescription {
  /** content-type, cache-control, content-disposition, content-encoding, content-language, expires, x-amz-website-redirect-location. */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata, names without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly storageClass: string;
  readonly encryption: Encryption;
  readonly retention?: Retention;
  readonly legalHold?: boolean;
}

export interface ObjectVersion extends ObjectDescription {
  readonly key: string;
  /** `null` (the word) in buckets without versioning. */
  readonly versionId: string;
  readonly deleteMarker: boolean;
  readonly lastModified: number;
  /** Without quotes. */
  readonly etag: string;
  readonly size: number;
  readonly segments: readonly Segment[];
  /** Base64 by algorithm; composite ones end with `-PARTS`. */
  readonly checksums: Readonly<Record<string, string>>;
  readonly checksumType?: 'FULL_OBJECT' | 'COMPOSITE';
  /** The upload that made it, so that a repeated completion finds it. */
  readonly uploadId?: string;
}

export interface PartRecord {
  readonly number: number;
  readonly etag: string;
  readonly size: number;
  readonly file: string;
  readonly lastModified: number;
  readonly checksums: Readonly<Record<string, string>>;
}

export interface UploadRecord extends ObjectDescription {
  readonly uploadId: string;
  readonly key: string;
  readonly initiated: number;
  /** ARN of who began it. */
  readonly initiator: string;
  readonly checksumAlgorithm?: string;
  readonly checksumType?: 'FULL_OBJECT' | 'COMPOSITE';
}
