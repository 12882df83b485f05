/** DeleteObject and DeleteObjects: delete markers, versions, and the refusals of Object Lock. */

import { checksumOfHeader } from '../http/checksum.ts';
import { ServiceError } from '../http/service-error.ts';
import { childrenOf, childText, type XmlElement } from '../xml/parse.ts';
import type { Bucket } from './bucket.ts';
import { type Call, type Operation, xmlAnswer } from './call.ts';
import {
  accessDenied,
  invalidArgument,
  invalidRequest,
  malformedXml,
  noSuchKey,
  preconditionFailed,
} from './errors.ts';
import { versionKeys, wantedVersionId } from './find-version.ts';
import { versionIdFor } from './put-object.ts';
import type { ObjectVersion } from './records.ts';
import { unquoted } from './write-conditions.ts';

interface Deleted {
  /** Version that was removed or made. */
  readonly versionId: string;
  readonly deleteMarker: boolean;
}

export const deleteObject: Operation = async (call) => {
  const bucket = call.bucket();
  const done = await deleteOne(call, bucket, call.key, wantedVersionId(call), call.header('if-match') ?? null);
  return {
    status: 204,
    headers: {
      ...(bucket.record.versioning === null ? {} : { 'x-amz-version-id': done.versionId }),
      ...(done.deleteMarker ? { 'x-amz-delete-marker': 'true' } : {}),
    },
    resource: call.objectArn(),
  };
};

/** Removes one version, or makes a delete marker. A key or version that is not there is a success, as in S3. */
async function deleteOne(
  call: Call,
  bucket: Bucket,
  key: string,
  id: string | null,
  ifMatch: string | null,
): Promise<Deleted> {
  const found = id === null ? bucket.newest(key) : bucket.version(key, id);
  const keys = { ...versionKeys(found, id), 's3:if-match': ifMatch ?? undefined };
  call.require(id === null ? 's3:DeleteObject' : 's3:DeleteObjectVersion', call.objectArn(key), keys);
  if (ifMatch !== null) {
    if (found === null || found.deleteMarker) throw noSuchKey(key);
    if (ifMatch !== '*' && unquoted(ifMatch) !== found.etag) throw preconditionFailed('If-Match');
  }
  if (id !== null) {
    if (found !== null) {
      refuseLocked(call, found);
      await bucket.removeVersion(key, id);
    }
    return { versionId: id, deleteMarker: found?.deleteMarker ?? false };
  }
  if (bucket.record.versioning === null) {
    await bucket.removeVersion(key, 'null');
    return { versionId: 'null', deleteMarker: false };
  }
  const versionId = versionIdFor(bucket.record);
  await bucket.putVersion({
    key,
    versionId,
    deleteMarker: true,
    lastModified: call.context.now(),
    etag: '',
    size: 0,
    segments: [],
    checksums: {},
    headers: {},
    metadata: {},
    tags: {},
    storageClass: 'STANDARD',
    encryption: { algorithm: 'AES256' },
  });
  return { versionId, deleteMarker: true };
}

/** Throws AccessDenied while retention or a legal hold protects the version. */
function refuseLocked(call: Call, version: ObjectVersion): void {
  const locked = accessDenied('Access Denied because object protected by object lock.');
  if (version.legalHold) throw locked;
  const { retention } = version;
  if (retention === undefined || retention.until <= call.context.now()) return;
  const bypass = call.header('x-amz-bypass-governance-retention')?.toLowerCase() === 'true';
  if (retention.mode === 'COMPLIANCE' || !bypass) throw locked;
  call.require('s3:BypassGovernanceRetention', call.objectArn(version.key));
}

/** S3: at most 1,000 keys. */
const MAX_KEYS = 1000;

export const deleteObjects: Operation = async (call) => {
  const bucket = call.bucket();
  const digest = Object.keys(call.request.headers).some(
    (name) => name === 'content-md5' || checksumOfHeader(name) !== null,
  );
  if (!digest && call.header('x-amz-trailer') === undefined)
    throw invalidRequest('Missing required header for this request: Content-MD5 OR x-amz-checksum-*');
  const root = await call.xml('Delete');
  const objects = childrenOf(root, 'Object');
  if (objects.length === 0 || objects.length > MAX_KEYS) throw malformedXml();
  const quiet = childText(root, 'Quiet')?.toLowerCase() === 'true';
  const results = await Promise.all(objects.map((object) => deleteListed(call, bucket, object)));
  return xmlAnswer(
    'DeleteResult',
    {
      Deleted: quiet ? [] : results.flatMap((result) => ('error' in result ? [] : [result.deleted])),
      Error: results.flatMap((result) => ('error' in result ? [result.error] : [])),
    },
    { resource: call.bucketArn() },
  );
};

type Listed = { deleted: Record<string, string | boolean> } | { error: Record<string, string> };

async function deleteListed(call: Call, bucket: Bucket, object: XmlElement): Promise<Listed> {
  const key = childrenOf(object, 'Key')[0]?.text;
  const id = childText(object, 'VersionId');
  if (key === undefined || key === '') throw malformedXml();
  try {
    if (id !== null && !/^(null|[A-Za-z0-9._-]{32})$/.test(id))
      throw invalidArgument('Invalid version id specified', 'versionId', id);
    const done = await deleteOne(call, bucket, key, id, childText(object, 'ETag'));
    const marker: Record<string, string | boolean> = done.deleteMarker
      ? { DeleteMarker: true, DeleteMarkerVersionId: done.versionId }
      : {};
    return { deleted: { Key: key, ...(id === null ? {} : { VersionId: id }), ...marker } };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { error: { Key: key, ...(id === null ? {} : { VersionId: id }), Code: error.code, Message: error.message } };
  }
}
