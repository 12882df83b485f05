/** Multipart uploads: begin, part, part by copy, complete, abort, and their listings. S3 user guide, "Multipart upload". */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm, checksum } from '../http/checksum.ts';
import { ServiceError } from '../http/service-error.ts';
import { childrenOf, childText, type XmlElement } from '../xml/parse.ts';
import type { Bucket, Upload } from './bucket.ts';
import { ownerId } from './bucket-basics.ts';
import { type Call, encryptionHeaders, NO_CONTENT, type Operation, xmlAnswer, xmlTime } from './call.ts';
import { copySource } from './copy-object.ts';
import { describeObject, requireCreation } from './describe-object.ts';
import { invalidArgument, invalidRequest, malformedXml, noSuchUpload } from './errors.ts';
import { byteRange, checksumElements, slices } from './get-object.ts';
import { checkKey } from './names.ts';
import { checksumHeaders, compositeEtag, storeBody, versionHeaders, versionIdFor } from './put-object.ts';
import type { ObjectVersion, PartRecord, UploadRecord } from './records.ts';
import { checkWriteConditions, unquoted } from './write-conditions.ts';

/** Every part but the last is at least 5 MiB. */
const MIN_PART_BYTES = 5 * 1024 * 1024;
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

function findUpload(call: Call, bucket: Bucket): Upload {
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

export const completeMultipartUpload: Operation = async (call) => {
  const bucket = call.bucket();
  call.require('s3:PutObject', call.objectArn(), {
    's3:ObjectCreationOperation': 'true',
    's3:if-none-match': call.header('if-none-match'),
    's3:if-match': call.header('if-match'),
  });
  const uploadId = call.param('uploadId') ?? '';
  const root = await call.xml('CompleteMultipartUpload');
  // A client that lost the answer asks again: the same object answers (API reference, CompleteMultipartUpload).
  const earlier = bucket.versions(call.key).find((version) => version.uploadId === uploadId);
  if (earlier !== undefined) return completed(call, bucket, earlier);
  const upload = findUpload(call, bucket);
  const parts = chosenParts(upload, childrenOf(root, 'Part'));
  checkWriteConditions(call, bucket);
  const checksums = await objectChecksum(call, bucket, upload.record, parts);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const expected = call.header('x-amz-mp-object-size');
  if (expected !== undefined && Number(expected) !== size)
    throw invalidRequest('The provided object size does not match the size of the uploaded parts.');
  const { initiated: _i, initiator: _w, checksumAlgorithm: _a, ...described } = upload.record;
  const version: ObjectVersion = {
    ...described,
    versionId: versionIdFor(bucket.record),
    deleteMarker: false,
    lastModified: call.context.now(),
    etag: compositeEtag(parts.map((part) => part.etag)),
    size,
    segments: parts.map(({ file, size }) => ({ file, size })),
    checksums,
  };
  if (bucket.upload(uploadId) === null) throw noSuchUpload(uploadId);
  checkWriteConditions(call, bucket);
  // Both changes are made in one step; the version goes to the journal first, so a crash between them loses no bytes.
  await Promise.all([bucket.putVersion(version), bucket.endUpload(uploadId)]);
  return completed(call, bucket, version);
};

function completed(call: Call, bucket: Bucket, version: ObjectVersion): ReturnType<typeof xmlAnswer> {
  return xmlAnswer(
    'CompleteMultipartUploadResult',
    {
      Location: `http://${call.request.host}/${call.bucketName}/${encodeURIComponent(call.key)}`,
      Bucket: call.bucketName,
      Key: call.key,
      ETag: `"${version.etag}"`,
      ...checksumElements(version.checksums),
      ChecksumType: version.checksumType,
    },
    {
      headers: { ...versionHeaders(bucket.record, version), ...encryptionHeaders(version.encryption) },
      resource: call.objectArn(),
    },
  );
}

/** The parts the client names, in its order, each checked against what was uploaded. */
function chosenParts(upload: Upload, listed: readonly XmlElement[]): PartRecord[] {
  if (listed.length === 0) throw malformedXml();
  let previous = 0;
  const parts = listed.map((element) => {
    const number = Number(childText(element, 'PartNumber') ?? Number.NaN);
    const etag = childText(element, 'ETag');
    if (!Number.isInteger(number) || etag === null) throw malformedXml();
    if (number <= previous)
      throw new ServiceError(
        400,
        'InvalidPartOrder',
        'The list of parts was not in ascending order. Parts must be ordered by part number.',
      );
    previous = number;
    const part = upload.parts.get(number);
    if (part === undefined || unquoted(etag) !== part.etag || !checksumsAgree(element, part))
      throw invalidPart(number, etag);
    return part;
  });
  for (const part of parts.slice(0, -1))
    if (part.size < MIN_PART_BYTES)
      throw new ServiceError(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', {
        fields: {
          ProposedSize: String(part.size),
          MinSizeAllowed: String(MIN_PART_BYTES),
          PartNumber: String(part.number),
          ETag: part.etag,
        },
      });
  return parts;
}

function checksumsAgree(element: XmlElement, part: PartRecord): boolean {
  return CHECKSUM_ALGORITHMS.every((algorithm) => {
    const given = childText(element, `Checksum${algorithm.toUpperCase()}`);
    return given === null || given === part.checksums[algorithm];
  });
}

function invalidPart(number: number, etag: string): ServiceError {
  return new ServiceError(
    400,
    'InvalidPart',
    "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    { fields: { PartNumber: String(number), ETag: etag } },
  );
}

/** Checksum of the whole object, of the kind announced at the beginning; verified when the client gives one. */
async function objectChecksum(
  call: Call,
  bucket: Bucket,
  upload: UploadRecord,
  parts: readonly PartRecord[],
): Promise<Record<string, string>> {
  const algorithm = CHECKSUM_ALGORITHMS.find((one) => one === upload.checksumAlgorithm);
  if (algorithm === undefined) return {};
  const sum = checksum(algorithm);
  let value: string;
  if (upload.checksumType === 'FULL_OBJECT') {
    for (const part of parts)
      if (part.size > 0)
        for await (const piece of createReadStream(bucket.files.path(part.file), { highWaterMark: 1024 * 1024 }))
          sum.update(piece as Uint8Array);
    value = Buffer.from(sum.digest()).toString('base64');
  } else {
    for (const part of parts) {
      const own = part.checksums[algorithm];
      if (own === undefined) throw invalidPart(part.number, part.etag);
      sum.update(Buffer.from(own, 'base64'));
    }
    value = `${Buffer.from(sum.digest()).toString('base64')}-${parts.length}`;
  }
  const given = call.header(`x-amz-checksum-${algorithm}`);
  if (given !== undefined && given !== value && given !== value.replace(/-\d+$/, ''))
    throw new ServiceError(400, 'BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`);
  return { [algorithm]: value };
}

export const abortMultipartUpload: Operation = async (call) => {
  const bucket = call.bucket();
  call.require('s3:AbortMultipartUpload', call.objectArn());
  const upload = findUpload(call, bucket);
  await bucket.endUpload(upload.record.uploadId);
  return { ...NO_CONTENT, resource: call.objectArn() };
};

export const listParts: Operation = async (call) => {
  const bucket = call.bucket();
  call.require('s3:ListMultipartUploadParts', call.objectArn());
  const { record, parts } = findUpload(call, bucket);
  const encode = call.encoder() ?? ((key: string) => key);
  const marker = Number(call.param('part-number-marker') ?? 0);
  const most = Math.min(Number(call.param('max-parts') ?? 1000), 1000);
  const rest = [...parts.values()].filter((part) => part.number > marker).sort((a, b) => a.number - b.number);
  const page = rest.slice(0, most);
  return xmlAnswer('ListPartsResult', {
    Bucket: call.bucketName,
    Key: encode(record.key),
    UploadId: record.uploadId,
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.number ?? marker,
    MaxParts: most,
    IsTruncated: rest.length > page.length,
    StorageClass: record.storageClass,
    ChecksumAlgorithm: record.checksumAlgorithm?.toUpperCase(),
    ChecksumType: record.checksumType,
    Initiator: { ID: record.initiator },
    Owner: { ID: ownerId(call.context.accountId) },
    Part: page.map((part) => ({
      PartNumber: part.number,
      LastModified: xmlTime(part.lastModified),
      ETag: `"${part.etag}"`,
      Size: part.size,
      ...checksumElements(part.checksums),
    })),
  });
};

export const listMultipartUploads: Operation = async (call) => {
  const bucket = call.bucket();
  call.require('s3:ListBucketMultipartUploads', call.bucketArn());
  const encode = call.encoder() ?? ((key: string) => key);
  const prefix = call.param('prefix') ?? '';
  const keyMarker = call.param('key-marker') ?? '';
  const idMarker = call.param('upload-id-marker') ?? '';
  const most = Math.min(Number(call.param('max-uploads') ?? 1000), 1000);
  const place = ({ key, uploadId }: UploadRecord): string => `${key}\0${uploadId}`;
  const start = idMarker === '' ? `${keyMarker}\0\uffff` : `${keyMarker}\0${idMarker}`;
  const rest = bucket
    .uploads()
    .map((upload) => upload.record)
    .filter((record) => record.key.startsWith(prefix) && (keyMarker === '' || place(record) > start))
    .sort((a, b) => (place(a) < place(b) ? -1 : 1));
  const page = rest.slice(0, most);
  const truncated = rest.length > page.length;
  return xmlAnswer('ListMultipartUploadsResult', {
    Bucket: call.bucketName,
    KeyMarker: encode(keyMarker),
    UploadIdMarker: idMarker,
    NextKeyMarker: truncated ? encode(page.at(-1)?.key ?? '') : undefined,
    NextUploadIdMarker: truncated ? page.at(-1)?.uploadId : undefined,
    Prefix: encode(prefix),
    EncodingType: call.param('encoding-type') ?? undefined,
    MaxUploads: most,
    IsTruncated: truncated,
    Upload: page.map((record) => ({
      Key: encode(record.key),
      UploadId: record.uploadId,
      Initiator: { ID: record.initiator },
      Owner: { ID: ownerId(call.context.accountId) },
      StorageClass: record.storageClass,
      Initiated: xmlTime(record.initiated),
    })),
  });
};
