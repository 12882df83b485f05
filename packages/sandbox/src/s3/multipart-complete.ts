/** CompleteMultipartUpload: the named parts, checked, become one version without a byte being copied. */
import { createReadStream } from 'node:fs';
import { CHECKSUM_ALGORITHMS, checksum } from '../http/checksum.ts';
import type { SandboxResponse } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';
import { childrenOf, childText, type XmlElement } from '../xml/parse.ts';
import type { Bucket, Upload } from './bucket.ts';
import { type Call, encryptionHeaders, type Operation, xmlAnswer } from './call.ts';
import { invalidRequest, malformedXml, noSuchUpload } from './errors.ts';
import { checksumElements } from './get-object.ts';
import { findUpload } from './multipart.ts';
import { compositeEtag, versionHeaders, versionIdFor } from './put-object.ts';
import type { ObjectVersion, PartRecord, UploadRecord } from './records.ts';
import { checkWriteConditions, unquoted } from './write-conditions.ts';

/** Every part but the last is at least 5 MiB. */
const MIN_PART_BYTES = 5 * 1024 * 1024;

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

function completed(call: Call, bucket: Bucket, version: ObjectVersion): SandboxResponse {
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
