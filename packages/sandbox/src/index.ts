/**
 * A cloud on this machine that AWS's own clients accept: S3, STS, IAM, EC2, SSM and instance metadata on loopback, for
 * demonstration and tests. Signatures are checked and policies evaluated. It says so in its `Server` header.
 */
import { mkdirSync } from 'node:fs';
import { IdentityStore } from './auth/identities.ts';
import { type CapacitySwitch, capacityOf } from './ec2/capacity.ts';
import { type ConsistencySwitch, consistencyOf } from './ec2/consistency.ts';
import { type Interruption, interruptOf } from './ec2/spot-interruption.ts';
import { FaultPlan, type FaultRule, type FaultSwitch } from './http/faults.ts';
import { type RegionSwitch, Regions } from './http/regions.ts';
import { type RequestLogEntry, SandboxServer } from './http/server.ts';
import type { InventoryEntry, Service } from './http/service.ts';
import { Authorizer } from './policy/authorizer.ts';
import { SERVICES } from './services.ts';
import { lockDirectory } from './store/directory-lock.ts';

export type { CapacitySwitch, Shortage } from './ec2/capacity.ts';
export type { ConsistencySwitch, Lag, LaggingKind } from './ec2/consistency.ts';
export type { Interruption } from './ec2/spot-interruption.ts';
export type { FaultKind, FaultRule, FaultSwitch } from './http/faults.ts';
export type { RegionSwitch } from './http/regions.ts';
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
  /** Default true: an answered change survives a power cut (fsync). False: only the end of the process; small writes take half the time. */
  readonly durable?: boolean;
  /**
   * `md5` (default): ETags as S3 makes them with SSE-S3. `opaque`: no MD5, as S3 does with SSE-KMS; saves about 1.4 ns of
   * CPU a byte on uploads whose SHA-256 is signed anyway.
   */
  readonly etags?: 'md5' | 'opaque';
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
  /** Makes new instances, instance profiles and console output appear late, as on AWS; off by default. */
  readonly consistency: ConsistencySwitch;
  /** Lets instance types run out in chosen zones. */
  readonly capacity: CapacitySwitch;
  /** Loses whole regions and brings them back. */
  readonly regions: RegionSwitch;
  /**
   * Announces the end of a running spot instance in its metadata, and ends it after the notice. Throws RangeError when
   * there is no running spot instance of that id.
   */
  interrupt(instanceId: string, interruption?: Interruption): void;
  inventory(): Promise<Inventory>;
  /** Requests answered so far by `service:Operation`. */
  counts(): Readonly<Record<string, number>>;
  /** Environment for the AWS CLI, SDKs and restic: endpoint, region, the administrator's keys, no instance metadata. */
  environment(): Record<string, string>;
  /** Ends every server and process that the sandbox started; idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts, or continues, the sandbox of `directory`. Throws Error with code `EBUSY` when a live sandbox serves the same
 * folder, and what listen() throws when the port is taken.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { directory, region = 'us-east-1', now = Date.now } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(directory);
  const identities = new IdentityStore(directory, now);
  const authorizer = new Authorizer({ identities, secureTransport: options.secureTransport ?? true, region, now });
  const faults = new FaultPlan();
  for (const rule of options.faults ?? []) faults.add(rule);
  const services: Service[] = [];
  const regions = new Regions(() => services);
  const server = new SandboxServer({ region, identities, faults, regions, now, log: options.log ?? (() => undefined) });
  const stop = once(async () => {
    await server.close();
    for (const service of services.toReversed()) await service.stop?.();
    lock.release();
  });
  try {
    for (const [name, factory] of SERVICES) {
      const home = `${directory}/${name}`;
      mkdirSync(home, { recursive: true, mode: 0o700 });
      const service = await factory({
        directory: home,
        region,
        accountId: identities.accountId,
        identities,
        durable: options.durable ?? true,
        etags: options.etags ?? 'md5',
        now,
        lost: (name) => regions.lost().includes(name),
        decide: (request, question) => authorizer.decide(request, question),
        serviceMayAssume: (role, principal) => authorizer.serviceMayAssume(role, principal),
      });
      services.push(service);
      server.add(service);
    }
    const endpoint = `http://127.0.0.1:${await server.listen(options.port ?? 0)}`;
    for (const service of services) await service.start?.({ endpoint });
    return sandboxOf({ endpoint, region, identities, faults, regions, server, services, stop });
  } catch (cause) {
    await stop();
    throw cause;
  }
}

interface Parts {
  readonly endpoint: string;
  readonly region: string;
  readonly identities: IdentityStore;
  readonly faults: FaultPlan;
  readonly regions: Regions;
  readonly server: SandboxServer;
  readonly services: readonly Service[];
  readonly stop: () => Promise<void>;
}

function sandboxOf({ endpoint, region, identities, faults, regions, server, services, stop }: Parts): Sandbox {
  const adminCredentials = identities.adminCredentials();
  return {
    endpoint,
    region,
    accountId: identities.accountId,
    adminCredentials,
    faults,
    consistency: consistencyOf(identities),
    capacity: capacityOf(identities),
    regions,
    interrupt: interruptOf(identities),
    inventory: async () => {
      const lists = await Promise.all(services.map((service) => service.inventory()));
      const place = (entry: InventoryEntry): string => `${entry.kind} ${entry.id}`;
      return lists.flat().sort((a, b) => (place(a) < place(b) ? -1 : 1));
    },
    counts: () => server.counts(),
    environment: () => ({
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ACCESS_KEY_ID: adminCredentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: adminCredentials.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
    }),
    stop,
  };
}

/** Concurrent and later callers share the first call's promise. */
function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  return () => {
    running ??= action();
    return running;
  };
}
