/** ListParts and ListMultipartUploads. */
import { ownerId } from './bucket-basics.ts';
import { type Operation, xmlAnswer, xmlTime } from './call.ts';
import { checksumElements } from './get-object.ts';
import { findUpload } from './multipart.ts';
import { pageSize } from './page-size.ts';
import type { UploadRecord } from './records.ts';

export const listParts: Operation = async (call) => {
  const bucket = call.bucket();
  call.require('s3:ListMultipartUploadParts', call.objectArn());
  const { record, parts } = findUpload(call, bucket);
  const encode = call.encoder() ?? ((key: string) => key);
  const marker = Number(call.param('part-number-marker') ?? 0);
  const most = pageSize(call, 'max-parts');
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
  const most = pageSize(call, 'max-uploads');
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
