/** What the headers of PutObject, CopyObject and CreateMultipartUpload say about the new object, checked. */
import { checksumOfHeader } from '../http/checksum.ts';
import { ServiceError } from '../http/service-error.ts';
import type { Call } from './call.ts';
import { checkTags } from './configuration-checks.ts';
import { accessDenied, invalidArgument, invalidRequest, notImplemented } from './errors.ts';
import { blocksCustomerKeys, defaultEncryption, defaultRetention, hasAcls } from './public-access.ts';
import {
  type BucketRecord,
  type Encryption,
  type ObjectDescription,
  type Retention,
  STORAGE_CLASSES,
} from './records.ts';

/** Headers that are kept with the object and given back. */
export const KEPT_HEADERS = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
  'x-amz-website-redirect-location',
] as const;

/** S3 user guide, "Working with object metadata": 2 KB of names and values. */
const MAX_METADATA_BYTES = 2048;

/** Reads and checks the description. Throws InvalidArgument, InvalidStorageClass, MetadataTooLarge and others. */
export function describeObject(call: Call, record: BucketRecord): ObjectDescription {
  checkAcl(call, record);
  checkCustomerKey(call, record);
  const retention = retentionOf(call, record) ?? defaultRetention(record, call.request.time);
  const legalHold = legalHoldOf(call, record);
  return {
    headers: keptHeaders(call),
    metadata: metadataOf(call),
    tags: tagsOfHeader(call),
    storageClass: storageClassOf(call),
    encryption: encryptionOf(call, record),
    ...(retention === null ? {} : { retention }),
    ...(legalHold ? { legalHold } : {}),
  };
}

export function keptHeaders(call: Call): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = call.header(name);
    if (value !== undefined) kept[name] = value;
  }
  // aws-chunked is the coding of the transfer, not of the object.
  const coding = kept['content-encoding']
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== 'aws-chunked' && one !== '');
  delete kept['content-encoding'];
  if (coding !== undefined && coding.length > 0) kept['content-encoding'] = coding.join(', ');
  return kept;
}

export function metadataOf(call: Call): Record<string, string> {
  const metadata: Record<string, string> = {};
  let size = 0;
  for (const [name, value] of Object.entries(call.request.headers)) {
    if (!name.startsWith('x-amz-meta-')) continue;
    metadata[name.slice('x-amz-meta-'.length)] = value;
    size += name.length - 'x-amz-meta-'.length + value.length;
  }
  if (size > MAX_METADATA_BYTES)
    throw new ServiceError(400, 'MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size', {
      fields: { Size: String(size), MaxSizeAllowed: String(MAX_METADATA_BYTES) },
    });
  return metadata;
}

export function tagsOfHeader(call: Call): Record<string, string> {
  const header = call.header('x-amz-tagging');
  return header === undefined ? {} : checkTags([...new URLSearchParams(header)], 10);
}

function storageClassOf(call: Call): string {
  const name = call.header('x-amz-storage-class') ?? 'STANDARD';
  if (!(STORAGE_CLASSES as readonly string[]).includes(name))
    throw new ServiceError(400, 'InvalidStorageClass', 'The storage class you specified is not valid', {
      fields: { StorageClassRequested: name },
    });
  return name;
}

function encryptionOf(call: Call, record: BucketRecord): Encryption {
  const algorithm = call.header('x-amz-server-side-encryption');
  if (algorithm === undefined) return defaultEncryption(record);
  if (algorithm !== 'AES256' && algorithm !== 'aws:kms' && algorithm !== 'aws:kms:dsse')
    throw invalidArgument(
      'The encryption method specified is not supported',
      'x-amz-server-side-encryption',
      algorithm,
    );
  const keyId = call.header('x-amz-server-side-encryption-aws-kms-key-id');
  if (algorithm === 'AES256' && keyId !== undefined)
    throw invalidArgument(
      'Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms',
      'x-amz-server-side-encryption',
      algorithm,
    );
  const bucketKey = call.header('x-amz-server-side-encryption-bucket-key-enabled')?.toLowerCase() === 'true';
  return { algorithm, ...(keyId === undefined ? {} : { keyId }), ...(bucketKey ? { bucketKey } : {}) };
}

function checkCustomerKey(call: Call, record: BucketRecord): void {
  if (call.header('x-amz-server-side-encryption-customer-algorithm') === undefined) return;
  if (blocksCustomerKeys(record))
    throw accessDenied('SSE-C is blocked by the encryption configuration of this bucket.');
  throw notImplemented('server-side encryption with customer-provided keys (SSE-C)');
}

function checkAcl(call: Call, record: BucketRecord): void {
  const acl = call.header('x-amz-acl');
  const grants = Object.keys(call.request.headers).some((name) => name.startsWith('x-amz-grant-'));
  if (!grants && (acl === undefined || acl === 'private' || acl === 'bucket-owner-full-control')) return;
  if (hasAcls(record)) throw notImplemented('access control lists');
  throw new ServiceError(400, 'AccessControlListNotSupported', 'The bucket does not allow ACLs');
}

/** Retention that the request itself asks for; null when it does not. */
function retentionOf(call: Call, record: BucketRecord): Retention | null {
  const mode = call.header('x-amz-object-lock-mode');
  const date = call.header('x-amz-object-lock-retain-until-date');
  if (mode === undefined && date === undefined) return null;
  needsObjectLock(record);
  if (mode === undefined || date === undefined)
    throw invalidArgument(
      'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
      'x-amz-object-lock-mode',
      mode ?? '',
    );
  const until = Date.parse(date);
  if (mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE')
    throw invalidArgument('Unknown wormMode directive.', 'x-amz-object-lock-mode', mode);
  if (!(until > call.request.time))
    throw invalidArgument('The retain until date must be in the future!', 'x-amz-object-lock-retain-until-date', date);
  return { mode, until };
}

function legalHoldOf(call: Call, record: BucketRecord): boolean {
  const value = call.header('x-amz-object-lock-legal-hold');
  if (value === undefined) return false;
  needsObjectLock(record);
  if (value !== 'ON' && value !== 'OFF')
    throw invalidArgument('Legal Hold must be either of "ON" or "OFF"', 'x-amz-object-lock-legal-hold', value);
  return value === 'ON';
}

export function needsObjectLock(record: BucketRecord): void {
  if (!record.objectLockEnabled) throw invalidRequest('Bucket is missing Object Lock Configuration');
}

/** Requires every permission that creating this object takes, with its condition keys. Throws AccessDenied. */
export function requireCreation(call: Call, description: ObjectDescription, creates: boolean): void {
  const { retention } = description;
  const days = retention === undefined ? undefined : Math.ceil((retention.until - call.request.time) / 86_400_000);
  const arn = call.objectArn();
  const keys = {
    's3:ObjectCreationOperation': String(creates),
    's3:if-none-match': call.header('if-none-match'),
    's3:if-match': call.header('if-match'),
    's3:x-amz-acl': call.header('x-amz-acl'),
    's3:x-amz-storage-class': description.storageClass,
    's3:x-amz-server-side-encryption': call.header('x-amz-server-side-encryption'),
    's3:x-amz-server-side-encryption-aws-kms-key-id': call.header('x-amz-server-side-encryption-aws-kms-key-id'),
    's3:x-amz-server-side-encryption-customer-algorithm': call.header(
      'x-amz-server-side-encryption-customer-algorithm',
    ),
    's3:x-amz-copy-source': call.header('x-amz-copy-source')?.replace(/^\//, ''),
    's3:x-amz-metadata-directive': call.header('x-amz-metadata-directive'),
    's3:object-lock-mode': call.header('x-amz-object-lock-mode'),
    's3:object-lock-retain-until-date': call.header('x-amz-object-lock-retain-until-date'),
    's3:object-lock-remaining-retention-days': days === undefined ? undefined : String(days),
    's3:object-lock-legal-hold': call.header('x-amz-object-lock-legal-hold'),
    ...requestTagKeys(description.tags),
  };
  call.require('s3:PutObject', arn, keys);
  if (call.header('x-amz-tagging') !== undefined) call.require('s3:PutObjectTagging', arn, keys);
  if (call.header('x-amz-object-lock-mode') !== undefined) call.require('s3:PutObjectRetention', arn, keys);
  if (call.header('x-amz-object-lock-legal-hold') !== undefined) call.require('s3:PutObjectLegalHold', arn, keys);
}

/** Condition keys of tags in a request. */
export function requestTagKeys(tags: Readonly<Record<string, string>>): Record<string, string | readonly string[]> {
  const keys: Record<string, string | readonly string[]> = {};
  for (const [key, value] of Object.entries(tags)) keys[`s3:RequestObjectTag/${key}`] = value;
  if (Object.keys(tags).length > 0) keys['s3:RequestObjectTagKeys'] = Object.keys(tags);
  return keys;
}

/** S3 wants proof of the bytes before it locks them (API reference, PutObject, "Content-MD5"). */
export function needsDigestForLock(call: Call, description: ObjectDescription): void {
  if (description.retention === undefined && !description.legalHold) return;
  const headers = Object.keys(call.request.headers);
  const trailing = call.header('x-amz-trailer')?.startsWith('x-amz-checksum-') ?? false;
  if (!trailing && !headers.some((name) => name === 'content-md5' || checksumOfHeader(name) !== null))
    throw invalidRequest(
      'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters',
    );
}
