/** One call of an S3 operation: the request, its target, and the questions that every operation asks (may it? how is it encoded?). */
import type { AccessQuestion, SandboxRequest, SandboxResponse, ServiceContext } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';
import { denial } from '../policy/authorizer.ts';
import { parseXml, type XmlElement } from '../xml/parse.ts';
import { type XmlValue, xmlDocument } from '../xml/write.ts';
import type { Bucket } from './bucket.ts';
import type { BucketCatalog } from './catalog.ts';
import { accessDenied, invalidArgument, malformedXml, noSuchBucket, notImplemented, otherRegion } from './errors.ts';
import { blocksPublicAccess } from './public-access.ts';
import type { Encryption } from './records.ts';
import type { Route } from './route.ts';

export const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

type Keys = Readonly<Record<string, string | readonly string[] | undefined>>;

/** An operation of S3. */
export type Operation = (call: Call) => Promise<SandboxResponse>;

export class Call {
  readonly request: SandboxRequest;
  readonly context: ServiceContext;
  readonly catalog: BucketCatalog;
  readonly operation: string;
  readonly bucketName: string;
  readonly key: string;

  constructor(request: SandboxRequest, context: ServiceContext, catalog: BucketCatalog, route: Route) {
    this.request = request;
    this.context = context;
    this.catalog = catalog;
    this.operation = route.operation;
    this.bucketName = route.bucket;
    this.key = route.key;
  }

  header(name: string): string | undefined {
    return this.request.headers[name];
  }

  /** Query parameter, or null when it is absent. */
  param(name: string): string | null {
    return this.request.query.get(name);
  }

  /** The bucket of the request. Throws NoSuchBucket, PermanentRedirect, or AccessDenied for another expected owner. */
  bucket(): Bucket {
    const bucket = this.#known(this.bucketName);
    const { region } = bucket.record;
    if (this.request.signedBy !== 'nobody' && this.request.region !== region)
      throw otherRegion(this.bucketName, region);
    const owner = this.header('x-amz-expected-bucket-owner');
    if (owner !== undefined && owner !== this.context.accountId) throw accessDenied();
    return this.#reachable(bucket);
  }

  /** Any bucket, whatever its region. Throws ServiceUnavailable when that region is lost. */
  findBucket(name: string): Bucket {
    return this.#reachable(this.#known(name));
  }

  #reachable(bucket: Bucket): Bucket {
    if (this.context.lost(bucket.record.region))
      throw new ServiceError(503, 'ServiceUnavailable', 'Service is unable to handle request.');
    return bucket;
  }

  #known(name: string): Bucket {
    const bucket = this.catalog.get(name);
    if (bucket === null) throw noSuchBucket(name);
    return bucket;
  }

  bucketArn(name: string = this.bucketName): string {
    return `arn:aws:s3:::${name}`;
  }

  objectArn(key: string = this.key, name: string = this.bucketName): string {
    return `arn:aws:s3:::${name}/${key}`;
  }

  /** Whether the caller may do it. `keys` are condition keys; those without a value are absent. */
  may(action: string, resource: string, keys: Keys = {}): boolean {
    return this.#decide(action, resource, keys) === null;
  }

  /** Throws AccessDenied in AWS's words unless the caller may do it. */
  require(action: string, resource: string, keys: Keys = {}): void {
    const refusal = this.#decide(action, resource, keys);
    if (refusal !== null) throw accessDenied(refusal);
  }

  #decide(action: string, resource: string, keys: Keys): string | null {
    const bucket = this.catalog.get(/^arn:aws:s3:::([^/]+)/.exec(resource)?.[1] ?? '');
    const question: AccessQuestion = {
      action,
      resource,
      context: present({ ...this.#globalKeys(), ...keys }),
      resourcePolicy: bucket?.record.policy ?? undefined,
    };
    const decision = this.context.decide(this.request, question);
    if (!decision.allowed)
      return this.request.principal.kind === 'anonymous' ? 'Access Denied' : denial(this.request, question, decision);
    if (this.request.principal.kind === 'anonymous' && bucket !== null && blocksPublicAccess(bucket.record))
      return 'Access Denied';
    return null;
  }

  #globalKeys(): Keys {
    const { headers, signedBy } = this.request;
    return {
      's3:authType': signedBy === 'query' ? 'REST-QUERY-STRING' : signedBy === 'header' ? 'REST-HEADER' : undefined,
      's3:signatureversion': signedBy === 'nobody' ? undefined : 'AWS4-HMAC-SHA256',
      's3:x-amz-content-sha256': headers['x-amz-content-sha256'],
      's3:ResourceAccount': this.context.accountId,
      'aws:ResourceAccount': this.context.accountId,
    };
  }

  /** The XML body under its expected root. Throws MalformedXML. */
  async xml(root: string): Promise<XmlElement> {
    const text = Buffer.from(await this.request.body.bytes()).toString('utf8');
    let element: XmlElement;
    try {
      element = parseXml(text);
    } catch {
      throw malformedXml();
    }
    if (element.name !== root) throw malformedXml();
    return element;
  }

  /** `encoding-type=url` makes keys that XML cannot hold survive. Null when it was not asked for. */
  encoder(): ((key: string) => string) | null {
    const type = this.param('encoding-type');
    if (type === null) return null;
    if (type !== 'url') throw invalidArgument('Invalid Encoding Method specified in Request', 'encoding-type', type);
    return (key) =>
      encodeURIComponent(key)
        .replaceAll('%2F', '/')
        .replace(/[!'()]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  }
}

function present(keys: Keys): Record<string, string | readonly string[]> {
  const kept: Record<string, string | readonly string[]> = {};
  for (const [key, value] of Object.entries(keys)) if (value !== undefined) kept[key] = value;
  return kept;
}

export function xmlAnswer(root: string, value: XmlValue, more: Partial<SandboxResponse> = {}): SandboxResponse {
  return {
    status: 200,
    ...more,
    headers: { 'Content-Type': 'application/xml', ...more.headers },
    body: xmlDocument(root, value, S3_NAMESPACE),
  };
}

export const NO_CONTENT: SandboxResponse = { status: 204 };
export const OK: SandboxResponse = { status: 200 };

/** Time in XML: S3 keeps whole seconds. */
export function xmlTime(time: number): string {
  return new Date(Math.floor(time / 1000) * 1000).toISOString();
}

/** Headers that tell how an object is encrypted at rest. The sandbox says it and does not do it. */
export function encryptionHeaders(encryption: Encryption): Record<string, string> {
  const headers: Record<string, string> = { 'x-amz-server-side-encryption': encryption.algorithm };
  if (encryption.keyId !== undefined) headers['x-amz-server-side-encryption-aws-kms-key-id'] = encryption.keyId;
  if (encryption.bucketKey) headers['x-amz-server-side-encryption-bucket-key-enabled'] = 'true';
  return headers;
}

export function refuseOperation(call: Call): never {
  throw notImplemented(call.operation);
}
