/** S3 as a service of the sandbox: the table of operations, the error document, the inventory. */
import type { InventoryEntry, SandboxRequest, SandboxResponse, Service, ServiceContext } from '../http/service.ts';
import type { ServiceError } from '../http/service-error.ts';
import { childrenOf, childText } from '../xml/parse.ts';
import { xmlDocument } from '../xml/write.ts';
import * as basics from './bucket-basics.ts';
import { CONFIGURATION_OPERATIONS } from './bucket-configuration.ts';
import * as policies from './bucket-policy.ts';
import { Call, type Operation } from './call.ts';
import { BucketCatalog } from './catalog.ts';
import { copyObject } from './copy-object.ts';
import { deleteObject, deleteObjects } from './delete-object.ts';
import { notImplemented } from './errors.ts';
import { getObject, getObjectAttributes, headObject } from './get-object.ts';
import { listObjects, listObjectsV2, listObjectVersions } from './list-objects.ts';
import * as multipart from './multipart.ts';
import { completeMultipartUpload } from './multipart-complete.ts';
import { listMultipartUploads, listParts } from './multipart-lists.ts';
import * as attributes from './object-attributes.ts';
import { configuration } from './public-access.ts';
import { putObject } from './put-object.ts';
import type { BucketRecord } from './records.ts';
import { route } from './route.ts';

/** Every operation that is served; all others answer 501. */
export const S3_OPERATIONS: Readonly<Record<string, Operation>> = {
  CreateBucket: basics.createBucket,
  HeadBucket: basics.headBucket,
  DeleteBucket: basics.deleteBucket,
  ListBuckets: basics.listBuckets,
  GetBucketLocation: basics.getBucketLocation,
  GetBucketAcl: basics.getBucketAcl,
  GetObjectAcl: basics.getObjectAcl,
  ...CONFIGURATION_OPERATIONS,
  GetBucketPolicy: policies.getBucketPolicy,
  GetBucketPolicyStatus: policies.getBucketPolicyStatus,
  PutBucketPolicy: policies.putBucketPolicy,
  DeleteBucketPolicy: policies.deleteBucketPolicy,
  PutObject: putObject,
  GetObject: getObject,
  HeadObject: headObject,
  GetObjectAttributes: getObjectAttributes,
  CopyObject: copyObject,
  DeleteObject: deleteObject,
  DeleteObjects: deleteObjects,
  ListObjects: listObjects,
  ListObjectsV2: listObjectsV2,
  ListObjectVersions: listObjectVersions,
  CreateMultipartUpload: multipart.createMultipartUpload,
  UploadPart: multipart.uploadPart,
  UploadPartCopy: multipart.uploadPartCopy,
  CompleteMultipartUpload: completeMultipartUpload,
  AbortMultipartUpload: multipart.abortMultipartUpload,
  ListParts: listParts,
  ListMultipartUploads: listMultipartUploads,
  GetObjectTagging: attributes.getObjectTagging,
  PutObjectTagging: attributes.putObjectTagging,
  DeleteObjectTagging: attributes.deleteObjectTagging,
  GetObjectRetention: attributes.getObjectRetention,
  PutObjectRetention: attributes.putObjectRetention,
  GetObjectLegalHold: attributes.getObjectLegalHold,
  PutObjectLegalHold: attributes.putObjectLegalHold,
};

/** Opens the buckets below the service's folder. */
export async function s3Service(context: ServiceContext): Promise<Service> {
  const catalog = await BucketCatalog.open(`${context.directory}/buckets`, context.durable);
  return {
    name: 's3',
    operation: (request) => route(request).operation,
    handle: (request) => handle(request, context, catalog),
    failure,
    inventory: async () =>
      catalog.all().flatMap((bucket) => inventoryOf(bucket.record, bucket.keys.length, bucket.uploads().length)),
    stop: () => catalog.close(),
  };
}

async function handle(
  request: SandboxRequest,
  context: ServiceContext,
  catalog: BucketCatalog,
): Promise<SandboxResponse> {
  const target = route(request);
  const operation = S3_OPERATIONS[target.operation];
  if (operation === undefined) throw notImplemented(target.operation);
  return operation(new Call(request, context, catalog, target));
}

function failure(error: ServiceError, request: Pick<SandboxRequest, 'id' | 'method' | 'path'>): SandboxResponse {
  const headers = { 'Content-Type': 'application/xml', ...error.headers };
  if (request.method === 'HEAD' || error.status === 304)
    return { status: error.status, headers: { ...error.headers, 'Content-Length': '0' } };
  const body = xmlDocument('Error', {
    Code: error.code,
    Message: error.message,
    ...error.fields,
    Resource: request.path,
    RequestId: request.id,
    HostId: Buffer.from(request.id).toString('base64'),
  });
  return { status: error.status, headers, body };
}

function inventoryOf(record: BucketRecord, keys: number, uploads: number): InventoryEntry[] {
  const set = configuration(record, 'tagging')?.children[0];
  const tags: Record<string, string> = {};
  for (const tag of set === undefined ? [] : childrenOf(set, 'Tag'))
    tags[childText(tag, 'Key') ?? ''] = childText(tag, 'Value') ?? '';
  return [
    { kind: 's3:bucket', id: record.name, region: record.region, tags, detail: { keys, multipartUploads: uploads } },
  ];
}
