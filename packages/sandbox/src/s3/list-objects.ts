/** ListObjectsV2, ListObjects (V1) and ListObjectVersions. */
import type { SandboxResponse } from '../http/service.ts';
import type { XmlValue } from '../xml/write.ts';
import { ownerId } from './bucket-basics.ts';
import { type Call, type Operation, xmlAnswer, xmlTime } from './call.ts';
import { invalidArgument } from './errors.ts';
import { type Listing, listKeys } from './list.ts';
import { pageSize } from './page-size.ts';
import type { ObjectVersion } from './records.ts';

function requireListing(call: Call, action: string): void {
  call.require(action, call.bucketArn(), {
    's3:prefix': call.param('prefix') ?? undefined,
    's3:delimiter': call.param('delimiter') ?? undefined,
    's3:max-keys': call.param('max-keys') ?? undefined,
  });
}

/** Elements that all three listings share. */
function frame(call: Call, encode: (key: string) => string, listing: Listing): Record<string, XmlValue> {
  const delimiter = call.param('delimiter');
  return {
    Name: call.bucketName,
    Prefix: encode(call.param('prefix') ?? ''),
    MaxKeys: pageSize(call, 'max-keys'),
    Delimiter: delimiter === null || delimiter === '' ? undefined : encode(delimiter),
    EncodingType: call.param('encoding-type') ?? undefined,
    IsTruncated: listing.next !== null,
    CommonPrefixes: listing.commonPrefixes.map((prefix) => ({ Prefix: encode(prefix) })),
  };
}

function entry(
  call: Call,
  version: ObjectVersion,
  encode: (key: string) => string,
  owner: boolean,
): Record<string, XmlValue> {
  return {
    Key: encode(version.key),
    LastModified: xmlTime(version.lastModified),
    ETag: `"${version.etag}"`,
    ChecksumAlgorithm: Object.keys(version.checksums).map((name) => name.toUpperCase()),
    ChecksumType: version.checksumType,
    Size: version.size,
    StorageClass: version.storageClass,
    Owner: owner ? { ID: ownerId(call.context.accountId) } : undefined,
  };
}

/** The log names a listing by the bucket and the prefix, as CloudTrail does (ARNPrefix). */
function listed(call: Call, root: string, elements: Record<string, XmlValue>): SandboxResponse {
  const prefix = call.param('prefix') ?? '';
  return { ...xmlAnswer(root, elements), resource: prefix === '' ? call.bucketArn() : call.objectArn(prefix) };
}

/** Opaque to clients; says after which name the next page begins. */
function encodeToken(after: string): string {
  return Buffer.from(after).toString('base64url');
}

function decodeToken(token: string): string {
  const after = Buffer.from(token, 'base64url').toString('utf8');
  if (token === '' || encodeToken(after) !== token)
    throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token);
  return after;
}

export const listObjectsV2: Operation = async (call) => {
  const bucket = call.bucket();
  requireListing(call, 's3:ListBucket');
  const encode = call.encoder() ?? ((key: string) => key);
  const token = call.param('continuation-token');
  const startAfter = call.param('start-after');
  const listing = listKeys(
    bucket.keys,
    {
      prefix: call.param('prefix') ?? '',
      delimiter: call.param('delimiter') ?? '',
      after: token === null ? (startAfter ?? '') : decodeToken(token),
      most: pageSize(call, 'max-keys'),
    },
    (key) => (bucket.current(key) === null ? 0 : 1),
  );
  const owner = call.param('fetch-owner') === 'true';
  return listed(call, 'ListBucketResult', {
    ...frame(call, encode, listing),
    KeyCount: listing.keys.length + listing.commonPrefixes.length,
    ContinuationToken: token ?? undefined,
    NextContinuationToken: listing.next === null ? undefined : encodeToken(listing.next),
    StartAfter: startAfter === null ? undefined : encode(startAfter),
    Contents: listing.keys.map((key) => entry(call, bucket.current(key) as ObjectVersion, encode, owner)),
  });
};

export const listObjects: Operation = async (call) => {
  const bucket = call.bucket();
  requireListing(call, 's3:ListBucket');
  const encode = call.encoder() ?? ((key: string) => key);
  const marker = call.param('marker') ?? '';
  const delimiter = call.param('delimiter') ?? '';
  const listing = listKeys(
    bucket.keys,
    { prefix: call.param('prefix') ?? '', delimiter, after: marker, most: pageSize(call, 'max-keys') },
    (key) => (bucket.current(key) === null ? 0 : 1),
  );
  return listed(call, 'ListBucketResult', {
    ...frame(call, encode, listing),
    Marker: encode(marker),
    // Without a delimiter the client takes the last key itself (API reference, ListObjects, NextMarker).
    NextMarker: listing.next === null || delimiter === '' ? undefined : encode(listing.next),
    Contents: listing.keys.map((key) => entry(call, bucket.current(key) as ObjectVersion, encode, true)),
  });
};

/** Pages end between keys, but a key with more versions than a page holds is cut, as S3 does. */
export const listObjectVersions: Operation = async (call) => {
  const bucket = call.bucket();
  requireListing(call, 's3:ListBucketVersions');
  const encode = call.encoder() ?? ((key: string) => key);
  const keyMarker = call.param('key-marker') ?? '';
  const idMarker = call.param('version-id-marker') ?? '';
  if (idMarker !== '' && keyMarker === '')
    throw invalidArgument(
      'A version-id marker cannot be specified without a key marker.',
      'version-id-marker',
      idMarker,
    );
  const most = pageSize(call, 'max-keys');
  const rest = idMarker === '' ? [] : after(bucket.versions(keyMarker), idMarker);
  const versions: ObjectVersion[] = rest.slice(0, most);
  const prefix = call.param('prefix') ?? '';
  const delimiter = call.param('delimiter') ?? '';
  const room = most - versions.length;
  let listing: Listing = { keys: [], commonPrefixes: [], next: rest.length > 0 ? keyMarker : null };
  if (room > 0) {
    listing = listKeys(
      bucket.keys,
      { prefix, delimiter, after: keyMarker, most: room },
      (key) => bucket.versions(key).length,
    );
    for (const key of listing.keys) versions.push(...bucket.versions(key));
  }
  const cut = versions.length > most;
  const page = versions.slice(0, most);
  const lastShown = page.at(-1);
  const truncated = cut || rest.length > most || listing.next !== null;
  return listed(call, 'ListVersionsResult', {
    ...frame(call, encode, listing),
    IsTruncated: truncated,
    KeyMarker: encode(keyMarker),
    VersionIdMarker: idMarker,
    NextKeyMarker: truncated
      ? encode(cut || listing.next === null ? (lastShown?.key ?? keyMarker) : listing.next)
      : undefined,
    NextVersionIdMarker:
      truncated && lastShown !== undefined && (cut || lastShown.key === listing.next) ? lastShown.versionId : undefined,
    Version: page
      .filter((version) => !version.deleteMarker)
      .map((version) => ({ ...entry(call, version, encode, true), ...identity(call, version) })),
    DeleteMarker: page
      .filter((version) => version.deleteMarker)
      .map((version) => ({
        Key: encode(version.key),
        LastModified: xmlTime(version.lastModified),
        Owner: { ID: ownerId(call.context.accountId) },
        ...identity(call, version),
      })),
  });
};

function identity(call: Call, version: ObjectVersion): { VersionId: string; IsLatest: boolean } {
  return { VersionId: version.versionId, IsLatest: call.findBucket(call.bucketName).newest(version.key) === version };
}

/** Versions of a key older than the marked one. */
function after(versions: readonly ObjectVersion[], versionId: string): readonly ObjectVersion[] {
  const at = versions.findIndex((version) => version.versionId === versionId);
  return at < 0 ? [] : versions.slice(at + 1);
}
