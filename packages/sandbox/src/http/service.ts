/**
 * What a service of the sandbox is: it names the operation of a request, answers it, and lists what it holds.
 * The HTTP server does the rest for all of them: routing by the service name in the credential scope, signature
 * check, faults, counters, log, error rendering. A service never sees a request whose signature was wrong.
 */
import type { IdentityStore, RoleRecord } from '../auth/identities.ts';
import type { Principal } from '../auth/principal.ts';
import type { Decision } from '../policy/evaluate.ts';
import type { RegionListener } from './regions.ts';
import type { ServiceError } from './service-error.ts';

/** Which digests of the body to compute in the one pass over it, beyond those that the request itself asks to verify. */
export interface DigestWishes {
  readonly md5?: boolean;
  readonly sha256?: boolean;
}

/** Digests of a body that was read to its end. `checksums` holds what the client sent and we found right, base64. */
export interface BodyDigests {
  readonly md5?: Uint8Array;
  readonly sha256?: Uint8Array;
  readonly checksums: Readonly<Record<string, string>>;
}

/** A request body with the transfer coding of AWS (aws-chunked) already taken off. */
export interface RequestBody {
  /** Bytes after decoding, as announced; null when the client did not say. */
  readonly length: number | null;
  /** Whole body, verified. May be called again (cached). Throws ServiceError EntityTooLarge beyond `limit` (default 16 MiB). */
  bytes(limit?: number): Promise<Uint8Array>;
  /**
   * The body in pieces, once. A piece is valid for good (not reused). The iteration throws a ServiceError at its end
   * when any announced hash, checksum, chunk signature or length is wrong, so act on nothing before it ended well.
   */
  pieces(wishes?: DigestWishes): AsyncIterable<Uint8Array>;
  /** Digests; throws RangeError before the body was read to its end. */
  digests(): BodyDigests;
}

export interface SandboxRequest {
  readonly id: string;
  /** Service name of the credential scope: s3, ec2, iam, sts, ssm. */
  readonly service: string;
  /** Region of the credential scope; the sandbox's own region when the request is anonymous. */
  readonly region: string;
  readonly method: string;
  /** Path as sent, percent-encoding kept, without the query. */
  readonly path: string;
  /** Decoded query parameters in order of appearance ("+" is a space). A parameter without "=" has the value "". */
  readonly query: URLSearchParams;
  /** Lower-case names; repeated headers joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /** Host header, with port. */
  readonly host: string;
  readonly sourceIp: string;
  readonly body: RequestBody;
  /** Who signed; `kind: 'anonymous'` when nobody did. */
  readonly principal: Principal;
  readonly signedBy: 'header' | 'query' | 'nobody';
  /** Milliseconds since the epoch at arrival, by the sandbox's clock. */
  readonly time: number;
}

/** A byte range of a file on disk, sent without passing through the service. */
export interface FileSlice {
  readonly path: string;
  readonly start: number;
  readonly length: number;
}

export interface SandboxResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** `files` are sent in order; content-length is set by the server except for HEAD, where the service sets it. */
  readonly body?: string | Uint8Array | { readonly files: readonly FileSlice[] };
  /** ARN or path of what was touched, for the log; never a secret. */
  readonly resource?: string;
}

/** One thing that exists in the sandbox. `kind` is `<service>:<noun>`, e.g. `ec2:instance`, `iam:role`, `s3:bucket`. */
export interface InventoryEntry {
  readonly kind: string;
  readonly id: string;
  readonly region?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

/** What a service asks of the policies. */
export interface AccessQuestion {
  /** e.g. `s3:PutObject`. */
  readonly action: string;
  /** ARN of the resource; `*` for actions without one. */
  readonly resource: string;
  /** Condition keys of this request beyond the global ones, e.g. `{ 's3:prefix': 'a/' }`; keys are case-insensitive. */
  readonly context?: Readonly<Record<string, string | readonly string[]>>;
  /** Resource policy (JSON text) such as a bucket policy or a role's trust policy. */
  readonly resourcePolicy?: string | undefined;
}

/** What the sandbox gives to each service. */
export interface ServiceContext {
  /** The service's own folder below the sandbox directory; exists. */
  readonly directory: string;
  readonly region: string;
  readonly accountId: string;
  readonly identities: IdentityStore;
  /** False: changes survive the end of the process, but not a power cut (no fsync). */
  readonly durable: boolean;
  /** Whether ETags are MD5 as in S3 with SSE-S3, or opaque as with SSE-KMS, which costs no second hash. */
  readonly etags: 'md5' | 'opaque';
  /** The sandbox's clock: milliseconds since the epoch. */
  now(): number;
  /** Whether a region is lost to this sandbox now. */
  lost(region: string): boolean;
  /** Evaluates all policies that apply to the request's principal. */
  decide(request: SandboxRequest, question: AccessQuestion): Decision;
  /** Whether the trust policy of a role lets a service such as `ec2.amazonaws.com` take the role on. */
  serviceMayAssume(role: RoleRecord, service: string): boolean;
}

/** What is known once the server listens. */
export interface ServiceEndpoint {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
}

export interface Service extends RegionListener {
  /** Service name in the credential scope. */
  readonly name: string;
  /** Name of the operation as AWS spells it (`PutObject`, `RunInstances`); for the fault plan, the counters and the log. */
  operation(request: SandboxRequest): string | Promise<string>;
  /** Answers; throws ServiceError to refuse. Anything else thrown becomes a 500 InternalError. */
  handle(request: SandboxRequest): Promise<SandboxResponse>;
  /** The error in this service's wire format (XML, JSON). */
  failure(error: ServiceError, request: Pick<SandboxRequest, 'id' | 'method' | 'path'>): SandboxResponse;
  inventory(): Promise<readonly InventoryEntry[]>;
  /** Called once, when the server listens. */
  start?(where: ServiceEndpoint): Promise<void>;
  /** Called once; ends every process and server that the service started. */
  stop?(): Promise<void>;
}

export type ServiceFactory = (context: ServiceContext) => Service | Promise<Service>;
