/** What can be changed of a stored version: tags, retention, legal hold. */

import { ServiceError } from '../http/service-error.ts';
import { childText } from '../xml/parse.ts';
import type { Bucket } from './bucket.ts';
import { type Call, NO_CONTENT, OK, type Operation, xmlAnswer } from './call.ts';
import { tagsOf } from './configuration-checks.ts';
import { needsObjectLock, requestTagKeys } from './describe-object.ts';
import { accessDenied, invalidArgument, malformedXml } from './errors.ts';
import { findVersion } from './find-version.ts';
import { versionHeaders } from './put-object.ts';
import type { ObjectVersion, Retention } from './records.ts';

export const getObjectTagging: Operation = async (call) => {
  const bucket = call.bucket();
  const version = findVersion(call, bucket, 's3:GetObjectTagging', 's3:GetObjectVersionTagging');
  const tags = Object.entries(version.tags).map(([Key, Value]) => ({ Key, Value }));
  return xmlAnswer('Tagging', { TagSet: { Tag: tags } }, { headers: versionHeaders(bucket.record, version) });
};

export const putObjectTagging: Operation = async (call) => {
  const bucket = call.bucket();
  const tags = tagsOf(await call.xml('Tagging'), 10);
  const version = findVersion(call, bucket, 's3:PutObjectTagging', 's3:PutObjectVersionTagging');
  call.require(
    call.param('versionId') === null ? 's3:PutObjectTagging' : 's3:PutObjectVersionTagging',
    call.objectArn(),
    requestTagKeys(tags),
  );
  await bucket.putVersion({ ...version, tags });
  return { ...OK, headers: versionHeaders(bucket.record, version), resource: call.objectArn() };
};

export const deleteObjectTagging: Operation = async (call) => {
  const bucket = call.bucket();
  const version = findVersion(call, bucket, 's3:DeleteObjectTagging', 's3:DeleteObjectVersionTagging');
  await bucket.putVersion({ ...version, tags: {} });
  return { ...NO_CONTENT, headers: versionHeaders(bucket.record, version), resource: call.objectArn() };
};

function lockable(call: Call, action: string): { bucket: Bucket; version: ObjectVersion } {
  const bucket = call.bucket();
  const version = findVersion(call, bucket, action, action);
  needsObjectLock(bucket.record);
  return { bucket, version };
}

function noLock(): ServiceError {
  return new ServiceError(
    404,
    'NoSuchObjectLockConfiguration',
    'The specified object does not have a ObjectLock configuration',
  );
}

export const getObjectRetention: Operation = async (call) => {
  const { version } = lockable(call, 's3:GetObjectRetention');
  if (version.retention === undefined) throw noLock();
  const { mode, until } = version.retention;
  return xmlAnswer('Retention', { Mode: mode, RetainUntilDate: new Date(until).toISOString() });
};

/** Longer is always allowed; shorter or weaker only in governance mode, with the bypass and its permission. */
export const putObjectRetention: Operation = async (call) => {
  const root = await call.xml('Retention');
  const { bucket, version } = lockable(call, 's3:PutObjectRetention');
  const wanted = retentionOf(call, childText(root, 'Mode'), childText(root, 'RetainUntilDate'));
  const { retention: old, ...rest } = version;
  if (old !== undefined && old.until > call.context.now()) {
    const weaker =
      wanted === null || wanted.until < old.until || (old.mode === 'COMPLIANCE' && wanted.mode !== 'COMPLIANCE');
    if (weaker) {
      const bypass = call.header('x-amz-bypass-governance-retention')?.toLowerCase() === 'true';
      if (old.mode === 'COMPLIANCE' || !bypass)
        throw accessDenied('Access Denied because object protected by object lock.');
      call.require('s3:BypassGovernanceRetention', call.objectArn());
    }
  }
  await bucket.putVersion({ ...rest, ...(wanted === null ? {} : { retention: wanted }) });
  return { ...OK, resource: call.objectArn() };
};

/** Null for an empty Retention, which takes the retention away. */
function retentionOf(call: Call, mode: string | null, date: string | null): Retention | null {
  if (mode === null && date === null) return null;
  const until = Date.parse(date ?? '');
  if ((mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') || Number.isNaN(until)) throw malformedXml();
  if (until <= call.context.now())
    throw invalidArgument('The retain until date must be in the future!', 'RetainUntilDate', date ?? '');
  return { mode, until };
}

export const getObjectLegalHold: Operation = async (call) => {
  const { version } = lockable(call, 's3:GetObjectLegalHold');
  if (version.legalHold === undefined) throw noLock();
  return xmlAnswer('LegalHold', { Status: version.legalHold ? 'ON' : 'OFF' });
};

export const putObjectLegalHold: Operation = async (call) => {
  const status = childText(await call.xml('LegalHold'), 'Status');
  if (status !== 'ON' && status !== 'OFF') throw malformedXml();
  const { bucket, version } = lockable(call, 's3:PutObjectLegalHold');
  await bucket.putVersion({ ...version, legalHold: status === 'ON' });
  return { ...OK, resource: call.objectArn() };
};
