/** Conditional writes: If-None-Match: * (create only) and If-Match (replace what I saw). S3 user guide, "Conditional writes". */
import type { Bucket } from './bucket.ts';
import type { Call } from './call.ts';
import { noSuchKey, notImplemented, preconditionFailed } from './errors.ts';

/**
 * Throws PreconditionFailed, or NoSuchKey for If-Match on nothing. Asked before the body is read, to refuse early, and
 * again in the same step as the commit, so that of two racing creators one loses.
 */
export function checkWriteConditions(call: Call, bucket: Bucket, key: string = call.key): void {
  const [noneMatch, match] = [call.header('if-none-match'), call.header('if-match')];
  const current = bucket.current(key);
  if (noneMatch !== undefined) {
    if (noneMatch !== '*') throw notImplemented('If-None-Match with an entity tag on a write');
    if (current !== null) throw preconditionFailed('If-None-Match');
  }
  if (match !== undefined) {
    call.require('s3:GetObject', call.objectArn(key));
    if (current === null) throw noSuchKey(key);
    if (match !== '*' && unquoted(match) !== current.etag) throw preconditionFailed('If-Match');
  }
}

export function unquoted(etag: string): string {
  return etag.trim().replace(/^"(.*)"$/, '$1');
}
