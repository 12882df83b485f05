/** Which operation of S3 a request means: by method, by what the path names, and by the subresource in the query. */
import type { SandboxRequest } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';

export interface Route {
  /** Name as in the API reference. */
  readonly operation: string;
  /** Empty for the service itself. */
  readonly bucket: string;
  /** Empty for the bucket itself. */
  readonly key: string;
}

/** Hosts under which `BUCKET.HOST` names a bucket. */
const VIRTUAL_HOST = /^(.+?)\.(?:s3\.)?(?:[a-z0-9-]+\.)?localhost(?::\d+)?$/;

/** Throws InvalidURI when the path is no valid percent-encoded UTF-8. */
export function route(request: Pick<SandboxRequest, 'method' | 'path' | 'query' | 'headers' | 'host'>): Route {
  const { bucket, key } = target(request.path, request.host);
  const scope = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object';
  const subresource = [...request.query.keys()].find((name) => Object.hasOwn(SUBRESOURCES[scope], name)) ?? '';
  return { operation: operation(request, scope, subresource), bucket, key };
}

function target(path: string, host: string): { bucket: string; key: string } {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch (cause) {
    throw new ServiceError(400, 'InvalidURI', "Couldn't parse the specified URI.", { cause });
  }
  const bucket = VIRTUAL_HOST.exec(host)?.[1];
  if (bucket !== undefined && bucket !== 's3') return { bucket, key: decoded.slice(1) };
  const slash = decoded.indexOf('/', 1);
  return slash < 0
    ? { bucket: decoded.slice(1), key: '' }
    : { bucket: decoded.slice(1, slash), key: decoded.slice(slash + 1) };
}

type Scope = 'service' | 'bucket' | 'object';

/** Subresource in the query to the noun in the operation's name. */
const SUBRESOURCES: Readonly<Record<Scope, Readonly<Record<string, string>>>> = {
  service: {},
  bucket: {
    accelerate: 'BucketAccelerateConfiguration',
    abac: 'BucketAbac',
    acl: 'BucketAcl',
    analytics: 'BucketAnalyticsConfiguration',
    cors: 'BucketCors',
    delete: 'Objects',
    encryption: 'BucketEncryption',
    'intelligent-tiering': 'BucketIntelligentTieringConfiguration',
    inventory: 'BucketInventoryConfiguration',
    lifecycle: 'BucketLifecycleConfiguration',
    location: 'BucketLocation',
    logging: 'BucketLogging',
    metadataConfiguration: 'BucketMetadataConfiguration',
    metadataTable: 'BucketMetadataTableConfiguration',
    metrics: 'BucketMetricsConfiguration',
    notification: 'BucketNotificationConfiguration',
    'object-lock': 'ObjectLockConfiguration',
    ownershipControls: 'BucketOwnershipControls',
    policy: 'BucketPolicy',
    policyStatus: 'BucketPolicyStatus',
    publicAccessBlock: 'PublicAccessBlock',
    replication: 'BucketReplication',
    requestPayment: 'BucketRequestPayment',
    session: 'Session',
    tagging: 'BucketTagging',
    uploads: 'MultipartUploads',
    versioning: 'BucketVersioning',
    versions: 'ObjectVersions',
    website: 'BucketWebsite',
  },
  object: {
    acl: 'ObjectAcl',
    attributes: 'ObjectAttributes',
    'legal-hold': 'ObjectLegalHold',
    renameObject: 'Rename',
    restore: 'Restore',
    retention: 'ObjectRetention',
    select: 'Select',
    tagging: 'ObjectTagging',
    torrent: 'ObjectTorrent',
    uploadId: 'Upload',
    uploads: 'Uploads',
  },
};

const VERBS: Readonly<Record<string, string>> = {
  GET: 'Get',
  HEAD: 'Head',
  PUT: 'Put',
  DELETE: 'Delete',
  POST: 'Post',
};

/** Operations whose names are not verb and noun. */
const IRREGULAR: Readonly<Record<string, string>> = {
  'GET bucket uploads': 'ListMultipartUploads',
  'GET bucket versions': 'ListObjectVersions',
  'GET bucket session': 'CreateSession',
  'POST bucket delete': 'DeleteObjects',
  'POST object uploads': 'CreateMultipartUpload',
  'POST object uploadId': 'CompleteMultipartUpload',
  'DELETE object uploadId': 'AbortMultipartUpload',
  'GET object uploadId': 'ListParts',
  'POST object restore': 'RestoreObject',
  'POST object select': 'SelectObjectContent',
  'PUT object renameObject': 'RenameObject',
  'DELETE bucket lifecycle': 'DeleteBucketLifecycle',
};

function operation(
  { method, query, headers }: Pick<SandboxRequest, 'method' | 'query' | 'headers'>,
  scope: Scope,
  subresource: string,
): string {
  const irregular = IRREGULAR[`${method} ${scope} ${subresource}`];
  if (irregular !== undefined) return irregular;
  const copies = headers['x-amz-copy-source'] !== undefined;
  if (method === 'PUT' && subresource === 'uploadId') return copies ? 'UploadPartCopy' : 'UploadPart';
  if (subresource !== '') return `${VERBS[method] ?? method}${SUBRESOURCES[scope][subresource]}`;
  if (scope === 'service') return method === 'GET' ? 'ListBuckets' : `${VERBS[method] ?? method}Service`;
  if (scope === 'bucket') {
    if (method === 'GET') return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
    return method === 'PUT' ? 'CreateBucket' : method === 'POST' ? 'PostObject' : `${VERBS[method] ?? method}Bucket`;
  }
  return method === 'PUT' && copies ? 'CopyObject' : `${VERBS[method] ?? method}Object`;
}
