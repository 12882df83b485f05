import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, test } from 'vitest';
import { refusal, s3Client, sandbox } from '../harness.ts';

const box = await sandbox();
const s3 = s3Client(box);
const Bucket = 'multipart';
const MiB = 1024 * 1024;
const big = Buffer.alloc(5 * MiB, 'first part ');
const tail = Buffer.from('and the rest');

beforeAll(async () => {
  await s3.send(new CreateBucketCommand({ Bucket }));
});

async function begin(
  Key: string,
  more: Partial<CreateMultipartUploadCommandInput> = {},
): Promise<{ Bucket: string; Key: string; UploadId: string }> {
  const { UploadId = '' } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  return { Bucket, Key, UploadId };
}

type At = Awaited<ReturnType<typeof begin>>;

async function part(
  at: At,
  PartNumber: number,
  Body: Buffer,
  more: object = {},
): Promise<{ PartNumber: number; ETag: string | undefined }> {
  const { ETag } = await s3.send(new UploadPartCommand({ ...at, PartNumber, Body, ...more }));
  return { PartNumber, ETag };
}

const complete = (at: At, Parts: object[], more: object = {}) =>
  s3.send(new CompleteMultipartUploadCommand({ ...at, MultipartUpload: { Parts }, ...more }));

test('parts in any order of arrival become one object', async () => {
  const at = await begin('joined', {
    ContentType: 'a/b',
    Metadata: { m: '1' },
    StorageClass: 'STANDARD_IA',
    Tagging: 't=1',
  });
  const two = await part(at, 7, tail);
  const one = await part(at, 3, big);
  const done = await complete(at, [one, two]);
  const md5s = [big, tail].map((bytes) => createHash('md5').update(bytes).digest());
  expect(done.ETag).toBe(`"${createHash('md5').update(Buffer.concat(md5s)).digest('hex')}-2"`);
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'joined' }));
  expect(got).toMatchObject({ ContentType: 'a/b', Metadata: { m: '1' }, StorageClass: 'STANDARD_IA', TagCount: 1 });
  expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(Buffer.concat([big, tail]))).toBe(true);
  const across = await s3.send(
    new GetObjectCommand({ Bucket, Key: 'joined', Range: `bytes=${5 * MiB - 3}-${5 * MiB + 2}` }),
  );
  expect(await across.Body?.transformToString()).toBe(
    Buffer.concat([big.subarray(-3), tail.subarray(0, 3)]).toString(),
  );
  const second = await s3.send(new GetObjectCommand({ Bucket, Key: 'joined', PartNumber: 2 }));
  expect(await second.Body?.transformToString()).toBe(tail.toString());
  expect(second.PartsCount).toBe(2);
});

test('completing twice answers twice', async () => {
  const at = await begin('twice');
  const parts = [await part(at, 1, tail)];
  const first = await complete(at, parts);
  expect((await complete(at, parts)).ETag).toBe(first.ETag);
});

test('a part sent again replaces the former', async () => {
  const at = await begin('again');
  const old = await part(at, 1, tail);
  const fresh = await part(at, 1, Buffer.from('fresh'));
  expect(await refusal(complete(at, [old]))).toMatchObject({ code: 'InvalidPart' });
  await complete(at, [fresh]);
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'again' }));
  expect(await got.Body?.transformToString()).toBe('fresh');
});

describe('refusals', () => {
  test('small parts, wrong order, unknown parts, no parts, unknown uploads', async () => {
    const at = await begin('refused');
    const [one, two] = [await part(at, 1, tail), await part(at, 2, tail)];
    expect(await refusal(complete(at, [one, two]))).toMatchObject({ code: 'EntityTooSmall' });
    expect(await refusal(complete(at, [two, one]))).toMatchObject({ code: 'InvalidPartOrder' });
    expect(await refusal(complete(at, [{ PartNumber: 9, ETag: one.ETag }]))).toMatchObject({ code: 'InvalidPart' });
    expect(await refusal(complete(at, []))).toMatchObject({ code: 'MalformedXML' });
    expect(await refusal(part(at, 10_001, tail))).toMatchObject({ code: 'InvalidArgument' });
    expect(await refusal(part({ ...at, UploadId: 'x' }, 1, tail))).toMatchObject({ code: 'NoSuchUpload', status: 404 });
  });

  test('If-None-Match at completion loses against an object that came meanwhile', async () => {
    const at = await begin('late');
    const parts = [await part(at, 1, tail)];
    await s3.send(new PutObjectCommand({ Bucket, Key: 'late', Body: 'earlier' }));
    expect(await refusal(complete(at, parts, { IfNoneMatch: '*' }))).toMatchObject({
      code: 'PreconditionFailed',
      status: 412,
    });
  });
});

test('aborted uploads are gone, others are listed with their parts', async () => {
  const [a, b, c] = [await begin('list/a'), await begin('list/b'), await begin('list/c')];
  await part(b, 1, tail);
  await part(b, 2, tail);
  await s3.send(new AbortMultipartUploadCommand(a));
  expect(await refusal(s3.send(new AbortMultipartUploadCommand(a)))).toMatchObject({ code: 'NoSuchUpload' });
  const first = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'list/', MaxUploads: 1 }));
  expect(first).toMatchObject({ IsTruncated: true, Uploads: [{ Key: 'list/b', UploadId: b.UploadId }] });
  const markers = { KeyMarker: first.NextKeyMarker, UploadIdMarker: first.NextUploadIdMarker };
  const rest = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'list/', ...markers }));
  expect(rest.Uploads?.map((upload) => upload.UploadId)).toEqual([c.UploadId]);
  const parts = await s3.send(new ListPartsCommand({ ...b, MaxParts: 1 }));
  expect(parts).toMatchObject({
    IsTruncated: true,
    NextPartNumberMarker: '1',
    Parts: [{ PartNumber: 1, Size: tail.length }],
  });
});

test('a part can be copied from a range of another object', async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body: 'abcdefghij' }));
  const at = await begin('copied');
  const copy = await s3.send(
    new UploadPartCopyCommand({ ...at, PartNumber: 1, CopySource: `${Bucket}/source`, CopySourceRange: 'bytes=2-5' }),
  );
  await complete(at, [{ PartNumber: 1, ETag: copy.CopyPartResult?.ETag }]);
  expect(await (await s3.send(new GetObjectCommand({ Bucket, Key: 'copied' }))).Body?.transformToString()).toBe('cdef');
});

describe('checksums', () => {
  test('of the parts make a composite one', async () => {
    const at = await begin('composite', { ChecksumAlgorithm: 'SHA256' });
    const sums = [big, tail].map((bytes) => createHash('sha256').update(bytes).digest());
    const parts = [
      { ...(await part(at, 1, big, { ChecksumAlgorithm: 'SHA256' })), ChecksumSHA256: sums[0]?.toString('base64') },
      { ...(await part(at, 2, tail, { ChecksumAlgorithm: 'SHA256' })), ChecksumSHA256: sums[1]?.toString('base64') },
    ];
    const wrong = parts.map((one) => ({ ...one, ChecksumSHA256: sums[0]?.toString('base64') }));
    expect(await refusal(complete(at, wrong))).toMatchObject({ code: 'InvalidPart' });
    const done = await complete(at, parts);
    expect(done.ChecksumSHA256).toBe(`${createHash('sha256').update(Buffer.concat(sums)).digest('base64')}-2`);
    expect(done.ChecksumType).toBe('COMPOSITE');
  });

  test('of the whole object are verified', async () => {
    const at = await begin('full', { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' });
    const parts = [await part(at, 1, big), await part(at, 2, tail)];
    expect(await refusal(complete(at, parts, { ChecksumCRC32: 'AAAAAA==' }))).toMatchObject({ code: 'BadDigest' });
    const done = await complete(at, parts);
    const single = await s3.send(
      new PutObjectCommand({ Bucket, Key: 'single', Body: Buffer.concat([big, tail]), ChecksumAlgorithm: 'CRC32' }),
    );
    expect(done.ChecksumCRC32).toBe(single.ChecksumCRC32);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'full', ChecksumMode: 'ENABLED' }));
    expect(head).toMatchObject({ ChecksumCRC32: single.ChecksumCRC32, ChecksumType: 'FULL_OBJECT' });
  });
});
