/** Multipart uploads: begin, part, part by copy, abort. S3 user guide, "Multipart upload". */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm } from '../http/checksum.ts';
import type { Bucket, Upload } from './bucket.ts';
import { type Call, encryptionHeaders, NO_CONTENT, type Operation, xmlAnswer, xmlTime } from './call.ts';
import { copySource } from './copy-object.ts';
import { describeObject, requireCreation } from './describe-object.ts';
import { invalidArgument, invalidRequest, noSuchUpload } from './errors.ts';
import { byteRange, slices } from './get-object.ts';
import { checkKey } from './names.ts';
import { checksumHeaders, storeBody } from './put-object.ts';
import type { PartRecord, UploadRecord } from './records.ts';

const MAX_PART_NUMBER = 10_000;

export const createMultipartUpload: Operation = async (call) => {
  checkKey(call.key);
  const bucket = call.bucket();
  const description = describeObject(call, bucket.record);
  requireCreation(call, description, false);
  const algorithm = algorithmOf(call);
  const type = checksumTypeOf(call, algorithm);
  const upload: UploadRecord = {
    ...description,
    uploadId: randomBytes(48).toString('base64url'),
    key: call.key,
    initiated: call.request.time,
    initiator: call.request.principal.kind === 'anonymous' ? 'anonymous' : call.request.principal.arn,
    ...(algorithm === null ? {} : { checksumAlgorithm: algorithm }),
    ...(type === null ? {} : { checksumType: type }),
  };
  await bucket.beginUpload(upload);
  return xmlAnswer(
    'InitiateMultipartUploadResult',
    { Bucket: call.bucketName, Key: call.key, UploadId: upload.uploadId },
    {
      headers: {
        ...encryptionHeaders(upload.encryption),
        ...(algorithm === null ? {} : { 'x-amz-checksum-algorithm': algorithm.toUpperCase() }),
        ...(type === null ? {} : { 'x-amz-checksum-type': type }),
      },
      resource: call.objectArn(),
    },
  );
};

function algorithmOf(call: Call): ChecksumAlgorithm | null {
  const name = call.header('x-amz-checksum-algorithm');
  if (name === undefined) return null;
  const algorithm = CHECKSUM_ALGORITHMS.find((one) => one === name.toLowerCase());
  if (algorithm === undefined) throw invalidRequest('Checksum algorithm provided is unsupported.');
  return algorithm;
}

/** SHA checksums cannot be joined from those of the parts, CRC-64/NVME only so (S3 user guide, "Checksum types"). */
function checksumTypeOf(call: Call, algorithm: ChecksumAlgorithm | null): 'FULL_OBJECT' | 'COMPOSITE' | null {
  if (algorithm === null) return null;
  const type = call.header('x-amz-checksum-type') ?? (algorithm === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE');
  const impossible = type === 'FULL_OBJECT' ? algorithm.startsWith('sha') : algorithm === 'crc64nvme';
  if ((type !== 'FULL_OBJECT' && type !== 'COMPOSITE') || impossible)
    throw invalidRequest(`The ${type} checksum type cannot be used with the ${algorithm} checksum algorithm.`);
  return type;
}

export function findUpload(call: Call, bucket: Bucket): Upload {
  const uploadId = call.param('uploadId') ?? '';
  const upload = bucket.upload(uploadId);
  if (upload === null || upload.record.key !== call.key) throw noSuchUpload(uploadId);
  return upload;
}

function partNumber(call: Call): number {
  const text = call.param('partNumber') ?? '';
  const number = Number(text);
  if (text === '' || !Number.isInteger(number) || number < 1 || number > MAX_PART_NUMBER)
    throw invalidArgument('Part number must be an integer between 1 and 10000, inclusive', 'partNumber', text);
  return number;
}

const PART_KEYS = { 's3:ObjectCreationOperation': 'false' };

export const uploadPart: Operation = async (call) => {
  const bucket = call.bucket();
  const number = partNumber(call);
  call.require('s3:PutObject', call.objectArn(), PART_KEYS);
  const upload = findUpload(call, bucket);
  const stored = await storeBody(call, bucket, upload.record.encryption);
  const part: PartRecord = { number, lastModified: call.context.now(), ...stored };
  await keepPart(call, bucket, upload, part);
  return {
    status: 200,
    headers: {
      ETag: `"${part.etag}"`,
      ...encryptionHeaders(upload.record.encryption),
      ...checksumHeaders(part.checksums),
    },
    resource: call.objectArn(),
  };
};

/** The upload may have ended while the body came in. */
async function keepPart(call: Call, bucket: Bucket, upload: Upload, part: PartRecord): Promise<void> {
  if (bucket.upload(upload.record.uploadId) === null) {
    bucket.files.discard([part.file]);
    throw noSuchUpload(call.param('uploadId') ?? '');
  }
  await bucket.putPart(upload.record.uploadId, part);
}

export const uploadPartCopy: Operation = async (call) => {
  const bucket = call.bucket();
  const number = partNumber(call);
  call.require('s3:PutObject', call.objectArn(), PART_KEYS);
  const upload = findUpload(call, bucket);
  const source = copySource(call);
  const header = call.header('x-amz-copy-source-range');
  const range =
    header === undefined ? { start: 0, length: source.version.size } : byteRange(header, source.version.size);
  if (range === null)
    throw invalidArgument(
      'The x-amz-copy-source-range value must be of the form bytes=first-last',
      'x-amz-copy-source-range',
      header ?? '',
    );
  const md5 = createHash('md5');
  async function* bytes(): AsyncIterable<Uint8Array> {
    for (const { path, start, length } of slices(
      source.bucket,
      source.version,
      range as { start: number; length: number },
    )) {
      for await (const piece of createReadStream(path, {
        start,
        end: start + length - 1,
        highWaterMark: 1024 * 1024,
      })) {
        md5.update(piece as Uint8Array);
        yield piece as Uint8Array;
      }
    }
  }
  const { name, size } = await bucket.files.write(bytes());
  const part: PartRecord = {
    number,
    etag: md5.digest('hex'),
    size,
    file: name,
    lastModified: call.context.now(),
    checksums: {},
  };
  await keepPart(call, bucket, upload, part);
  return xmlAnswer(
    'CopyPartResult',
    { ETag: `"${part.etag}"`, LastModified: xmlTime(part.lastModified) },
    {
      headers:
        source.bucket.record.versioning === null ? {} : { 'x-amz-copy-source-version-id': source.version.versionId },
      resource: call.objectArn(),
    },
  );
};

export const abortMultipartUpload: Operation = async (call) => {
  const bucket = call.bucket();
  call.require('s3:AbortMultipartUpload', call.objectArn());
  const upload = findUpload(call, bucket);
  await bucket.endUpload(upload.record.uploadId);
  return { ...NO_CONTENT, resource: call.objectArn() };
};
