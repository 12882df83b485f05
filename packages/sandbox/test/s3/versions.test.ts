import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetObjectCommand,
  GetObjectLegalHoldCommand,
  GetObjectRetentionCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, test } from 'vitest';
import { refusal, s3Client, sandbox } from '../harness.ts';

let clock = Date.UTC(2026, 10, 22);
/** Clients sign with the sandbox's time; the SDK also sets its clock by the Date of the answers. */
const box = await sandbox({ now: () => clock });
const s3 = s3Client(box, undefined, { systemClockOffset: clock - Date.now() });
const Bucket = 'versions';
const DAY = 86_400_000;

async function put(Key: string, Body: string, more: object = {}): Promise<string> {
  const { VersionId } = await s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
  return VersionId ?? '';
}

async function text(Key: string, VersionId?: string): Promise<string | undefined> {
  return (await s3.send(new GetObjectCommand({ Bucket, Key, VersionId }))).Body?.transformToString();
}

const versioning = (Status: 'Enabled' | 'Suspended') =>
  s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));

beforeAll(async () => {
  await s3.send(new CreateBucketCommand({ Bucket }));
});

describe('versioning', () => {
  test('keeps every version, the object from before as "null"', async () => {
    expect(await put('k', 'before')).toBe('');
    await versioning('Enabled');
    const [one, two] = [await put('k', 'one'), await put('k', 'two')];
    expect(await text('k')).toBe('two');
    expect(await text('k', one)).toBe('one');
    expect(await text('k', 'null')).toBe('before');
    const { Versions } = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'k' }));
    expect(Versions?.map((version) => [version.VersionId, version.IsLatest])).toEqual([
      [two, true],
      [one, false],
      ['null', false],
    ]);
  });

  test('a delete leaves a marker; removing the marker brings the object back', async () => {
    await put('marked', 'x');
    const deleted = await s3.send(new DeleteObjectCommand({ Bucket, Key: 'marked' }));
    expect(deleted).toMatchObject({ DeleteMarker: true, VersionId: expect.stringMatching(/^.{32}$/) });
    expect(await refusal(text('marked'))).toMatchObject({ code: 'NoSuchKey' });
    expect(await refusal(text('marked', deleted.VersionId))).toMatchObject({ code: 'MethodNotAllowed', status: 405 });
    await put('marked-again', 'y', { IfNoneMatch: '*' });
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'marked', VersionId: deleted.VersionId }));
    expect(await text('marked')).toBe('x');
  });

  test('a delete marker does not stand in the way of a create-only write', async () => {
    await put('reborn', 'x');
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'reborn' }));
    await put('reborn', 'y', { IfNoneMatch: '*' });
    expect(await text('reborn')).toBe('y');
  });

  test('suspended, new objects take the id "null" and the others stay', async () => {
    const kept = await put('susp', 'versioned');
    await versioning('Suspended');
    expect(await put('susp', 'a')).toBe('null');
    expect(await put('susp', 'b')).toBe('null');
    expect(await text('susp', kept)).toBe('versioned');
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'susp' }));
    const listing = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'susp' }));
    expect(listing.Versions?.map((version) => version.VersionId)).toEqual([kept]);
    expect(listing.DeleteMarkers).toMatchObject([{ VersionId: 'null', IsLatest: true }]);
    await versioning('Enabled');
  });

  test('unknown and impossible version ids', async () => {
    expect(await refusal(text('k', 'a'.repeat(32)))).toMatchObject({ code: 'NoSuchVersion', status: 404 });
    expect(await refusal(text('k', 'short'))).toMatchObject({ code: 'InvalidArgument', status: 400 });
  });

  test('an old version can be copied to the top', async () => {
    const old = await put('roll', 'good');
    await put('roll', 'bad');
    await s3.send(new CopyObjectCommand({ Bucket, Key: 'roll', CopySource: `${Bucket}/roll?versionId=${old}` }));
    expect(await text('roll')).toBe('good');
  });

  test('versions are listed in pages that lose and repeat nothing', async () => {
    for (const key of ['p/a', 'p/b', 'p/c']) for (const body of ['1', '2', '3']) await put(key, body);
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'p/b' }));
    for (const MaxKeys of [1, 2, 3, 4, 100]) {
      const seen: string[] = [];
      let markers: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
      for (;;) {
        const page = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'p/', MaxKeys, ...markers }));
        const entries = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
        expect(entries.length).toBeLessThanOrEqual(MaxKeys);
        seen.push(...entries.map((entry) => `${entry.Key} ${entry.VersionId}`));
        if (!page.IsTruncated) break;
        markers = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
      }
      expect(new Set(seen).size).toBe(10);
      expect(seen).toHaveLength(10);
    }
  });

  test('a bucket of delete markers alone is not empty', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'markers' }));
    await s3.send(
      new PutBucketVersioningCommand({ Bucket: 'markers', VersioningConfiguration: { Status: 'Enabled' } }),
    );
    await s3.send(new DeleteObjectCommand({ Bucket: 'markers', Key: 'never' }));
    expect(await refusal(s3.send(new DeleteBucketCommand({ Bucket: 'markers' })))).toMatchObject({
      code: 'BucketNotEmpty',
      message: expect.stringContaining('all versions'),
    });
  });
});

test('tags can be put, read and removed, of any version', async () => {
  const old = await put('tagged', '1', { Tagging: 'a=1' });
  await put('tagged', '2');
  const at = { Bucket, Key: 'tagged' };
  expect((await s3.send(new GetObjectTaggingCommand({ ...at, VersionId: old }))).TagSet).toEqual([
    { Key: 'a', Value: '1' },
  ]);
  await s3.send(new PutObjectTaggingCommand({ ...at, Tagging: { TagSet: [{ Key: 'b', Value: '' }] } }));
  expect((await s3.send(new GetObjectTaggingCommand(at))).TagSet).toEqual([{ Key: 'b', Value: '' }]);
  expect(await text('tagged')).toBe('2');
  await s3.send(new DeleteObjectTaggingCommand(at));
  expect((await s3.send(new GetObjectTaggingCommand(at))).TagSet).toEqual([]);
  const tooMany = Array.from({ length: 11 }, (_, i) => ({ Key: `k${i}`, Value: '' }));
  expect(await refusal(s3.send(new PutObjectTaggingCommand({ ...at, Tagging: { TagSet: tooMany } })))).toMatchObject({
    status: 400,
  });
});

describe('object lock', () => {
  const lock = { Bucket: 'locks' };
  const until = (days: number) => new Date(clock + days * DAY);
  const locked = async (
    Key: string,
    more: object,
  ): Promise<{ Bucket: string; Key: string; VersionId: string | undefined }> => {
    const { VersionId } = await s3.send(new PutObjectCommand({ ...lock, Key, Body: 'x', ...more }));
    return { ...lock, Key, VersionId };
  };
  const remove = (at: object, more: object = {}) =>
    s3.send(new DeleteObjectCommand({ ...(at as { Bucket: string; Key: string }), ...more }));

  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ ...lock, ObjectLockEnabledForBucket: true }));
  });

  test('governance keeps a version until its day, unless bypassed', async () => {
    const at = await locked('g', { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: until(1) });
    expect(await refusal(remove(at))).toMatchObject({
      code: 'AccessDenied',
      message: expect.stringContaining('object lock'),
    });
    await remove({ ...lock, Key: 'g' });
    await remove(at, { BypassGovernanceRetention: true });
    expect(await refusal(s3.send(new HeadObjectCommand(at)))).toMatchObject({ status: 404 });
  });

  test('compliance cannot be bypassed, shortened or weakened, only lengthened; it ends', async () => {
    const at = await locked('c', { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: until(2) });
    expect(await refusal(remove(at, { BypassGovernanceRetention: true }))).toMatchObject({ code: 'AccessDenied' });
    const retain = (Mode: 'COMPLIANCE' | 'GOVERNANCE', days: number) =>
      s3.send(
        new PutObjectRetentionCommand({
          ...at,
          Retention: { Mode, RetainUntilDate: until(days) },
          BypassGovernanceRetention: true,
        }),
      );
    expect(await refusal(retain('COMPLIANCE', 1))).toMatchObject({ code: 'AccessDenied' });
    expect(await refusal(retain('GOVERNANCE', 3))).toMatchObject({ code: 'AccessDenied' });
    await retain('COMPLIANCE', 3);
    expect((await s3.send(new GetObjectRetentionCommand(at))).Retention).toEqual({
      Mode: 'COMPLIANCE',
      RetainUntilDate: until(3),
    });
    const before = clock;
    clock += 4 * DAY;
    const later = s3Client(box, undefined, { systemClockOffset: clock - Date.now() });
    await later.send(new DeleteObjectCommand(at));
    clock = before;
  });

  test('a legal hold holds until it is lifted', async () => {
    const at = await locked('h', {});
    expect(await refusal(s3.send(new GetObjectLegalHoldCommand(at)))).toMatchObject({
      code: 'NoSuchObjectLockConfiguration',
    });
    await s3.send(new PutObjectLegalHoldCommand({ ...at, LegalHold: { Status: 'ON' } }));
    expect(await refusal(remove(at, { BypassGovernanceRetention: true }))).toMatchObject({ code: 'AccessDenied' });
    const listed = await s3.send(
      new DeleteObjectsCommand({ ...lock, Delete: { Objects: [{ Key: 'h', VersionId: at.VersionId }] } }),
    );
    expect(listed.Errors).toMatchObject([{ Key: 'h', Code: 'AccessDenied' }]);
    expect((await s3.send(new HeadObjectCommand(at))).ObjectLockLegalHoldStatus).toBe('ON');
    await s3.send(new PutObjectLegalHoldCommand({ ...at, LegalHold: { Status: 'OFF' } }));
    await remove(at);
  });

  test('needs a lock-enabled bucket and a future date', async () => {
    const ask = { ObjectLockMode: 'GOVERNANCE' as const, ObjectLockRetainUntilDate: until(1) };
    expect(await refusal(s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', ...ask })))).toMatchObject({
      code: 'InvalidRequest',
    });
    expect(await refusal(locked('past', { ...ask, ObjectLockRetainUntilDate: until(-1) }))).toMatchObject({
      code: 'InvalidArgument',
    });
  });
});
