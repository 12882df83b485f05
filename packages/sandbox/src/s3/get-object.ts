/** GetObject, HeadObject and GetObjectAttributes: conditions, ranges, parts, overrides of headers. RFC 9110 §13, §14. */
import type { FileSlice, SandboxResponse } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';
import type { Bucket } from './bucket.ts';
import { type Call, encryptionHeaders, type Operation, xmlAnswer } from './call.ts';
import { invalidArgument, invalidRequest, preconditionFailed } from './errors.ts';
import { findVersion } from './find-version.ts';
import { checksumHeaders, versionHeaders } from './put-object.ts';
import type { ObjectVersion } from './records.ts';
import { unquoted } from './write-conditions.ts';

interface Range {
  readonly start: number;
  readonly length: number;
}

export const getObject: Operation = async (call) => {
  const bucket = call.bucket();
  const version = findVersion(call, bucket, 's3:GetObject', 's3:GetObjectVersion');
  const answer = describe(call, bucket, version);
  if (answer.status === 304) return answer.response;
  return { ...answer.response, body: { files: slices(bucket, version, answer.range) } };
};

export const headObject: Operation = async (call) => {
  const bucket = call.bucket();
  const version = findVersion(call, bucket, 's3:GetObject', 's3:GetObjectVersion');
  const answer = describe(call, bucket, version);
  if (answer.status === 304) return answer.response;
  return { ...answer.response, headers: { ...answer.response.headers, 'Content-Length': String(answer.range.length) } };
};

function describe(
  call: Call,
  bucket: Bucket,
  version: ObjectVersion,
): { status: 304; response: SandboxResponse } | { status: 200 | 206; response: SandboxResponse; range: Range } {
  const resource = call.objectArn();
  const validators = {
    ETag: `"${version.etag}"`,
    'Last-Modified': new Date(version.lastModified).toUTCString(),
    ...versionHeaders(bucket.record, version),
  };
  if (notModified(call, version)) return { status: 304, response: { status: 304, headers: validators, resource } };
  const part = partRange(call, version);
  const asked = part ?? byteRange(call.header('range'), version.size);
  const range = asked ?? { start: 0, length: version.size };
  const headers: Record<string, string> = {
    'Accept-Ranges': 'bytes',
    'Content-Type': 'binary/octet-stream',
    ...validators,
    ...version.headers,
    ...encryptionHeaders(version.encryption),
    ...lockHeaders(version),
    ...overrides(call),
  };
  for (const [name, value] of Object.entries(version.metadata)) headers[`x-amz-meta-${name}`] = value;
  if (version.headers['content-type'] !== undefined && headers['content-type'] !== undefined)
    delete headers['Content-Type'];
  if (version.storageClass !== 'STANDARD') headers['x-amz-storage-class'] = version.storageClass;
  const tags = Object.keys(version.tags).length;
  if (tags > 0) headers['x-amz-tagging-count'] = String(tags);
  if (version.uploadId !== undefined && call.param('partNumber') !== null)
    headers['x-amz-mp-parts-count'] = String(version.segments.length);
  if (asked !== null)
    headers['Content-Range'] = `bytes ${range.start}-${range.start + range.length - 1}/${version.size}`;
  else if (call.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED')
    Object.assign(headers, checksumHeaders(version.checksums, version.checksumType));
  const status = asked === null ? 200 : 206;
  return { status, response: { status, headers, resource }, range };
}

function lockHeaders({ retention, legalHold }: ObjectVersion): Record<string, string> {
  return {
    ...(retention === undefined
      ? {}
      : {
          'x-amz-object-lock-mode': retention.mode,
          'x-amz-object-lock-retain-until-date': new Date(retention.until).toISOString(),
        }),
    ...(legalHold === undefined ? {} : { 'x-amz-object-lock-legal-hold': legalHold ? 'ON' : 'OFF' }),
  };
}

/** True for 304; throws PreconditionFailed for 412. The stronger condition of each pair wins (API reference, GetObject). */
function notModified(call: Call, version: ObjectVersion): boolean {
  const names = (header: string): boolean =>
    header.split(',').some((one) => one.trim() === '*' || unquoted(one) === version.etag);
  const seconds = Math.floor(version.lastModified / 1000) * 1000;
  const match = call.header('if-match');
  const unmodified = Date.parse(call.header('if-unmodified-since') ?? '');
  if (match !== undefined && !names(match)) throw preconditionFailed('If-Match');
  if (match === undefined && seconds > unmodified) throw preconditionFailed('If-Unmodified-Since');
  const noneMatch = call.header('if-none-match');
  if (noneMatch !== undefined) return names(noneMatch);
  return seconds <= Date.parse(call.header('if-modified-since') ?? '');
}

/** A range that is not one single valid byte range is ignored; one beyond the end is an error. Null means all. */
export function byteRange(header: string | undefined, size: number): Range | null {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return null;
  if (first === '') {
    const length = Math.min(Number(last), size);
    if (length === 0) throw unsatisfiable(header, size);
    return { start: size - length, length };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return null;
  if (start >= size) throw unsatisfiable(header, size);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return { start, length: end - start + 1 };
}

function unsatisfiable(range: string | undefined, size: number): ServiceError {
  return new ServiceError(416, 'InvalidRange', 'The requested range is not satisfiable', {
    fields: { RangeRequested: range ?? '', ActualObjectSize: String(size) },
    headers: { 'Content-Range': `bytes */${size}` },
  });
}

/** `?partNumber=`: the bytes of one uploaded part. */
function partRange(call: Call, version: ObjectVersion): Range | null {
  const text = call.param('partNumber');
  if (text === null) return null;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1)
    throw invalidArgument('Part number must be an integer between 1 and 10000, inclusive', 'partNumber', text);
  if (version.uploadId === undefined && number === 1)
    return version.size === 0 ? null : { start: 0, length: version.size };
  const segment = version.uploadId === undefined ? undefined : version.segments[number - 1];
  if (segment === undefined)
    throw new ServiceError(416, 'InvalidPartNumber', 'The requested partnumber is not satisfiable', {
      fields: { PartNumberRequested: text, ActualPartCount: String(version.segments.length) },
    });
  const start = version.segments.slice(0, number - 1).reduce((sum, one) => sum + one.size, 0);
  return { start, length: segment.size };
}

const OVERRIDES: Readonly<Record<string, string>> = {
  'response-content-type': 'content-type',
  'response-content-language': 'content-language',
  'response-expires': 'expires',
  'response-cache-control': 'cache-control',
  'response-content-disposition': 'content-disposition',
  'response-content-encoding': 'content-encoding',
};

function overrides(call: Call): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [parameter, header] of Object.entries(OVERRIDES)) {
    const value = call.param(parameter);
    if (value === null) continue;
    if (call.request.signedBy === 'nobody')
      throw invalidRequest('Request specific response headers cannot be used for anonymous GET requests.');
    headers[header] = value;
  }
  return headers;
}

/** Data files, or stretches of them, that make up a range of the object. */
export function slices(bucket: Bucket, version: ObjectVersion, range: Range): FileSlice[] {
  const files: FileSlice[] = [];
  const end = range.start + range.length;
  let at = 0;
  for (const segment of version.segments) {
    const from = Math.max(range.start, at);
    const to = Math.min(end, at + segment.size);
    if (from < to) files.push({ path: bucket.files.path(segment.file), start: from - at, length: to - from });
    at += segment.size;
  }
  return files;
}

export const getObjectAttributes: Operation = async (call) => {
  const bucket = call.bucket();
  const version = findVersion(call, bucket, 's3:GetObject', 's3:GetObjectVersion');
  call.require('s3:GetObjectAttributes', call.objectArn());
  const wanted = (call.header('x-amz-object-attributes') ?? '').split(',').map((one) => one.trim());
  if (wanted[0] === '') throw invalidRequest('Missing required header for this request: x-amz-object-attributes');
  const has = (name: string): boolean => wanted.includes(name);
  const parts = version.uploadId === undefined ? undefined : version.segments.length;
  return xmlAnswer(
    'GetObjectAttributesResponse',
    {
      ETag: has('ETag') ? version.etag : undefined,
      Checksum:
        has('Checksum') && version.checksumType
          ? { ...checksumElements(version.checksums), ChecksumType: version.checksumType }
          : undefined,
      ObjectParts: has('ObjectParts') && parts !== undefined ? { PartsCount: parts } : undefined,
      StorageClass: has('StorageClass') ? version.storageClass : undefined,
      ObjectSize: has('ObjectSize') ? version.size : undefined,
    },
    {
      headers: {
        'Last-Modified': new Date(version.lastModified).toUTCString(),
        ...versionHeaders(bucket.record, version),
      },
    },
  );
};

/** `{ ChecksumCRC32: … }` of checksums by algorithm. */
export function checksumElements(checksums: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(checksums).map(([name, value]) => [`Checksum${name.toUpperCase()}`, value]));
}
