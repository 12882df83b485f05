/**
 * A cloud on this machine that AWS's own clients accept: S3, STS, IAM, EC2, SSM and instance metadata on loopback, for
 * demonstration and tests. Signatures are checked and policies evaluated. It says so in its `Server` header.
 */
import type { FaultRule, FaultSwitch } from './http/faults.ts';
import type { RequestLogEntry } from './http/server.ts';
import type { InventoryEntry } from './http/service.ts';

export type { FaultKind, FaultRule, FaultSwitch } from './http/faults.ts';
export type { RequestLogEntry } from './http/server.ts';
export type { InventoryEntry } from './http/service.ts';

export interface SandboxOptions {
  /** All state lives below this folder; created (0700) when missing, continued when not. */
  readonly directory: string;
  /** TCP port on 127.0.0.1; default 0, any free one. */
  readonly port?: number;
  /** Home region; default us-east-1. Buckets and instances may live in others. */
  readonly region?: string;
  /** Called once per request, after its end. Carries no secrets. */
  readonly log?: (entry: RequestLogEntry) => void;
  /** Fault rules that are armed from the start. */
  readonly faults?: readonly FaultRule[];
  /** Whether policies see loopback HTTP as `aws:SecureTransport` = true with `s3:TlsVersion` 1.3. Default true: there is no TLS on loopback. */
  readonly secureTransport?: boolean;
  /** Clock in milliseconds since the epoch; default Date.now. */
  readonly now?: () => number;
}

/** Every resource that exists, sorted by kind and id. Users and keys of the sandbox itself are not listed. */
export type Inventory = readonly InventoryEntry[];

export interface Sandbox {
  /** `http://127.0.0.1:PORT`, one port for all services. */
  readonly endpoint: string;
  readonly region: string;
  readonly accountId: string;
  readonly adminCredentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly faults: FaultSwitch;
  inventory(): Promise<Inventory>;
  /** Requests answered so far by `service:Operation`. */
  counts(): Readonly<Record<string, number>>;
  /** Environment for the AWS CLI, SDKs and restic: endpoint, region, the administrator's keys, no instance metadata. */
  environment(): Record<string, string>;
  /** Ends every server and process that the sandbox started; idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts, or continues, the sandbox of `directory`. Throws Error with code `EBUSY` when another live process serves the
 * same folder, and what listen() throws when the port is taken.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  throw new Error(`not yet: ${options.directory}`);
}
