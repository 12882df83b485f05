/** PutObject: body to disk with every announced digest verified, then one commit. */
import { createHash } from 'node:crypto';
import type { SandboxResponse } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';
import { type Bucket, newVersionId } from './bucket.ts';
import { type Call, encryptionHeaders, type Operation } from './call.ts';
import { describeObject, needsDigestForLock, requireCreation } from './describe-object.ts';
import { checkKey } from './names.ts';
import type { BucketRecord, Encryption, ObjectVersion } from './records.ts';
import { checkWriteConditions } from './write-conditions.ts';

/** S3: 5 GiB in one PutObject or UploadPart. */
export const MAX_PUT_BYTES: number = 5 * 1024 ** 3;

export const putObject: Operation = async (call) => {
  checkKey(call.key);
  const bucket = call.bucket();
  const description = describeObject(call, bucket.record);
  requireCreation(call, description, true);
  needsDigestForLock(call, description);
  checkWriteConditions(call, bucket);
  const stored = await storeBody(call, bucket, description.encryption);
  const version: ObjectVersion = {
    ...description,
    key: call.key,
    versionId: versionIdFor(bucket.record),
    deleteMarker: false,
    lastModified: call.context.now(),
    etag: stored.etag,
    size: stored.size,
    segments: stored.size === 0 ? [] : [{ file: stored.file, size: stored.size }],
    checksums: stored.checksums,
    ...(Object.keys(stored.checksums).length > 0 ? { checksumType: 'FULL_OBJECT' as const } : {}),
  };
  try {
    checkWriteConditions(call, bucket);
  } catch (refusal) {
    bucket.files.discard([stored.file]);
    throw refusal;
  }
  await bucket.putVersion(version);
  if (stored.size === 0) bucket.files.discard([stored.file]);
  return created(call, bucket.record, version);
};

/** The version id of a new object or delete marker in this bucket. */
export function versionIdFor(record: BucketRecord): string {
  return record.versioning === 'Enabled' ? newVersionId() : 'null';
}

interface Stored {
  readonly file: string;
  readonly size: number;
  readonly etag: string;
  readonly checksums: Readonly<Record<string, string>>;
}

/** Streams the body into a data file. Nothing stays when a digest is wrong or the client goes away. */
export async function storeBody(call: Call, bucket: Bucket, encryption: Encryption): Promise<Stored> {
  const { body } = call.request;
  if (body.length === null)
    throw new ServiceError(411, 'MissingContentLength', 'You must provide the Content-Length HTTP header.');
  if (body.length > MAX_PUT_BYTES)
    throw new ServiceError(400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', {
      fields: { ProposedSize: String(body.length), MaxSizeAllowed: String(MAX_PUT_BYTES) },
    });
  // With KMS the entity tag is no MD5 in S3 either, so the second hash can be saved.
  const opaque = call.context.etags === 'opaque' || encryption.algorithm !== 'AES256';
  const { name, size } = await bucket.files.write(body.pieces(opaque ? { sha256: true } : { md5: true }));
  const { md5, sha256, checksums } = body.digests();
  const tag = opaque ? sha256?.subarray(0, 16) : md5;
  if (tag === undefined) throw new RangeError('the digest that was asked for is missing');
  return { file: name, size, etag: Buffer.from(tag).toString('hex'), checksums };
}

/** Headers that tell of a new version. */
export function versionHeaders(record: BucketRecord, version: ObjectVersion): Record<string, string> {
  return record.versioning === null ? {} : { 'x-amz-version-id': version.versionId };
}

export function checksumHeaders(checksums: Readonly<Record<string, string>>, type?: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [algorithm, value] of Object.entries(checksums)) headers[`x-amz-checksum-${algorithm}`] = value;
  if (type !== undefined) headers['x-amz-checksum-type'] = type;
  return headers;
}

function created(call: Call, record: BucketRecord, version: ObjectVersion): SandboxResponse {
  return {
    status: 200,
    headers: {
      ETag: `"${version.etag}"`,
      ...versionHeaders(record, version),
      ...encryptionHeaders(version.encryption),
      ...checksumHeaders(version.checksums, version.checksumType),
    },
    resource: call.objectArn(),
  };
}

/** Entity tag of an object made of parts: MD5 over their MD5s, and their number. */
export function compositeEtag(etags: readonly string[]): string {
  const hash = createHash('md5');
  for (const etag of etags) hash.update(Buffer.from(etag, 'hex'));
  return `${hash.digest('hex')}-${etags.length}`;
}
