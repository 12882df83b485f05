/** The version that a read or a change of attributes means, with AWS's answers when there is none. */
import { ServiceError } from '../http/service-error.ts';
import type { Bucket } from './bucket.ts';
import type { Call } from './call.ts';
import { accessDenied, invalidArgument, noSuchKey, noSuchVersion } from './errors.ts';
import type { ObjectVersion } from './records.ts';

/** `?versionId=`, checked; null when the newest is meant. */
export function wantedVersionId(call: Call): string | null {
  const id = call.param('versionId');
  if (id === null) return null;
  if (!/^(null|[A-Za-z0-9._-]{32})$/.test(id)) throw invalidArgument('Invalid version id specified', 'versionId', id);
  return id;
}

/** Condition keys of an existing object. */
export function versionKeys(
  version: ObjectVersion | null,
  versionId: string | null,
): Record<string, string | undefined> {
  const keys: Record<string, string | undefined> = { 's3:VersionId': versionId ?? undefined };
  for (const [key, value] of Object.entries(version?.tags ?? {})) keys[`s3:ExistingObjectTag/${key}`] = value;
  return keys;
}

/**
 * Requires `action` (or `actionOfVersion` with a version id) and finds the version. Throws NoSuchKey, NoSuchVersion,
 * MethodNotAllowed for a delete marker, and AccessDenied instead of NoSuchKey for callers who may not list.
 */
export function findVersion(call: Call, bucket: Bucket, action: string, actionOfVersion: string): ObjectVersion {
  const id = wantedVersionId(call);
  const found = id === null ? bucket.newest(call.key) : bucket.version(call.key, id);
  call.require(id === null ? action : actionOfVersion, call.objectArn(), versionKeys(found, id));
  if (found !== null && !found.deleteMarker) return found;
  const marker: Record<string, string> =
    found === null ? {} : { 'x-amz-delete-marker': 'true', 'x-amz-version-id': found.versionId };
  if (id !== null && found !== null)
    throw new ServiceError(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.', {
      fields: { Method: call.request.method, ResourceType: 'DeleteMarker' },
      headers: { ...marker, Allow: 'DELETE' },
    });
  // Without leave to list, a caller must not learn which keys exist (API reference, GetObject, "Permissions").
  if (!call.may(id === null ? 's3:ListBucket' : 's3:ListBucketVersions', call.bucketArn())) throw accessDenied();
  if (id !== null) throw noSuchVersion(call.key, id);
  throw noSuchKey(call.key, marker);
}
