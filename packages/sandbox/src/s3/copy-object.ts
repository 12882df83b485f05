/** CopyObject: the same bytes under another name, by hard link; and the source side of UploadPartCopy. */
import type { Bucket } from './bucket.ts';
import { type Call, encryptionHeaders, type Operation, xmlAnswer, xmlTime } from './call.ts';
import { describeObject, keptHeaders, metadataOf, requireCreation, tagsOfHeader } from './describe-object.ts';
import {
  accessDenied,
  invalidArgument,
  invalidRequest,
  noSuchKey,
  noSuchVersion,
  preconditionFailed,
} from './errors.ts';
import { versionKeys } from './find-version.ts';
import { checksumElements } from './get-object.ts';
import { checkKey } from './names.ts';
import { MAX_PUT_BYTES, versionHeaders, versionIdFor } from './put-object.ts';
import type { ObjectVersion, Segment } from './records.ts';
import { checkWriteConditions, unquoted } from './write-conditions.ts';

export interface CopySource {
  readonly bucket: Bucket;
  readonly version: ObjectVersion;
}

/** The object that `x-amz-copy-source` names, if the caller may read it and its conditions hold. */
export function copySource(call: Call): CopySource {
  const header = call.header('x-amz-copy-source') ?? '';
  const [path = '', query = ''] = header.split('?', 2);
  const [, bucketName = '', key = ''] = /^\/?([^/]+)\/(.+)$/s.exec(decodeURIComponent(path)) ?? [];
  if (bucketName === '' || key === '')
    throw invalidArgument(
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
      'x-amz-copy-source',
      header,
    );
  const id = new URLSearchParams(query).get('versionId');
  const bucket = call.findBucket(bucketName);
  const version = id === null ? bucket.newest(key) : bucket.version(key, id);
  call.require(
    id === null ? 's3:GetObject' : 's3:GetObjectVersion',
    call.objectArn(key, bucketName),
    versionKeys(version, id),
  );
  if (version === null || version.deleteMarker) {
    if (!call.may('s3:ListBucket', call.bucketArn(bucketName))) throw accessDenied();
    throw id === null ? noSuchKey(key) : noSuchVersion(key, id);
  }
  checkSourceConditions(call, version);
  return { bucket, version };
}

function checkSourceConditions(call: Call, { etag, lastModified }: ObjectVersion): void {
  const header = (name: string): string | undefined => call.header(`x-amz-copy-source-if-${name}`);
  const [match, noneMatch] = [header('match'), header('none-match')];
  const seconds = Math.floor(lastModified / 1000) * 1000;
  if (match !== undefined && unquoted(match) !== etag) throw preconditionFailed('x-amz-copy-source-If-Match');
  if (noneMatch !== undefined && unquoted(noneMatch) === etag)
    throw preconditionFailed('x-amz-copy-source-If-None-Match');
  if (match === undefined && seconds > Date.parse(header('unmodified-since') ?? ''))
    throw preconditionFailed('x-amz-copy-source-If-Unmodified-Since');
  if (seconds <= Date.parse(header('modified-since') ?? ''))
    throw preconditionFailed('x-amz-copy-source-If-Modified-Since');
}

export const copyObject: Operation = async (call) => {
  checkKey(call.key);
  const bucket = call.bucket();
  const described = describeObject(call, bucket.record);
  requireCreation(call, described, true);
  const source = copySource(call);
  if (source.version.size > MAX_PUT_BYTES)
    throw invalidRequest(
      'The specified copy source is larger than the maximum allowable size for a copy source: 5368709120',
    );
  const replaces = directive(call, 'x-amz-metadata-directive');
  const retags = directive(call, 'x-amz-tagging-directive');
  if (!retags && Object.keys(source.version.tags).length > 0) call.require('s3:PutObjectTagging', call.objectArn());
  if (
    source.bucket === bucket &&
    source.version.key === call.key &&
    source.version === bucket.current(call.key) &&
    !replaces &&
    !changes(call)
  )
    throw invalidRequest(
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  checkWriteConditions(call, bucket);
  const segments = await linkSegments(source, bucket);
  const { uploadId: _made, ...kept } = source.version;
  const version: ObjectVersion = {
    ...described,
    headers: replaces ? keptHeaders(call) : kept.headers,
    metadata: replaces ? metadataOf(call) : kept.metadata,
    tags: retags ? tagsOfHeader(call) : kept.tags,
    key: call.key,
    versionId: versionIdFor(bucket.record),
    deleteMarker: false,
    lastModified: call.context.now(),
    etag: kept.etag,
    size: kept.size,
    segments,
    checksums: kept.checksums,
    ...(kept.checksumType === undefined ? {} : { checksumType: kept.checksumType }),
  };
  try {
    checkWriteConditions(call, bucket);
  } catch (refusal) {
    bucket.files.discard(segments.map((segment) => segment.file));
    throw refusal;
  }
  await bucket.putVersion(version);
  return xmlAnswer(
    'CopyObjectResult',
    { ETag: `"${version.etag}"`, LastModified: xmlTime(version.lastModified), ...checksumElements(version.checksums) },
    {
      headers: {
        ...versionHeaders(bucket.record, version),
        ...(source.bucket.record.versioning === null
          ? {}
          : { 'x-amz-copy-source-version-id': source.version.versionId }),
        ...encryptionHeaders(version.encryption),
      },
      resource: call.objectArn(),
    },
  );
};

function directive(call: Call, name: string): boolean {
  const value = call.header(name) ?? 'COPY';
  if (value !== 'COPY' && value !== 'REPLACE') throw invalidArgument('Unknown directive.', name, value);
  return value === 'REPLACE';
}

/** Whether a copy onto itself changes something besides metadata. */
function changes(call: Call): boolean {
  return ['x-amz-storage-class', 'x-amz-server-side-encryption', 'x-amz-website-redirect-location'].some(
    (name) => call.header(name) !== undefined,
  );
}

async function linkSegments(source: CopySource, target: Bucket): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const { file, size } of source.version.segments)
    segments.push({ file: await target.files.copy(source.bucket.files.path(file)), size });
  return segments;
}
