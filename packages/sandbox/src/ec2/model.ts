/** What EC2 remembers: plain records, by region, kept in one JSON file. */
import { randomBytes } from 'node:crypto';
import { readJson, writeJson } from '../store/json-file.ts';

export type Tags = Record<string, string>;

export const INSTANCE_STATES = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
} as const;
export type InstanceState = keyof typeof INSTANCE_STATES;

export interface Attachment {
  readonly volumeId: string;
  readonly device: string;
  readonly attachTime: number;
  deleteOnTermination: boolean;
  /** Asked back, but files are open on it. */
  busy?: boolean;
}

export interface ProfileAssociation {
  readonly associationId: string;
  readonly arn: string;
  readonly id: string;
  readonly since: number;
}

export interface InstanceRecord {
  readonly id: string;
  readonly reservationId: string;
  readonly launchIndex: number;
  readonly clientToken: string;
  readonly imageId: string;
  readonly instanceType: string;
  readonly architecture: string;
  readonly keyName: string | null;
  /** OpenSSH public keys that may log in: the key pair's, then those of user data. */
  readonly publicKeys: readonly string[];
  readonly subnetId: string;
  readonly zone: string;
  readonly privateIp: string;
  readonly interfaceId: string;
  readonly rootDevice: string;
  readonly shutdownBehavior: 'stop' | 'terminate';
  /** Base64 as sent; empty when there is none. */
  readonly userData: string;
  /** OpenSSH private key of the SSH server. */
  readonly hostKey: string;
  readonly hostPublicKey: string;
  readonly groupIds: string[];
  readonly attachments: Attachment[];
  readonly tags: Tags;
  readonly metadata: { tokens: string; hopLimit: number; endpoint: string; instanceTags: string };
  launchTime: number;
  state: InstanceState;
  stateReason: { code: string; message: string } | null;
  terminatedAt: number | null;
  association: ProfileAssociation | null;
  /** Last known ports on loopback; 0 before the first boot. */
  sshPort: number;
  metadataPort: number;
  /** How it is isolated; null before the first boot. */
  mode: string | null;
  /** False where its subnet gave it no public address. Missing in what earlier versions wrote: true. */
  readonly autoPublicIp?: boolean;
  /** Missing for on-demand instances. */
  readonly spotRequestId?: string;
  /** Announced end of a spot instance. */
  interruption?: { readonly action: 'terminate' | 'stop' | 'hibernate'; readonly at: number };
}

export interface VolumeRecord {
  readonly id: string;
  readonly zone: string;
  readonly sizeGiB: number;
  readonly type: string;
  readonly encrypted: boolean;
  readonly createdAt: number;
  /** Empty when it was made empty. */
  readonly snapshotId: string;
  readonly tags: Tags;
  readonly iops?: number | undefined;
  /** MiB a second. */
  readonly throughput?: number | undefined;
  /** ARN; only when encrypted. */
  readonly kmsKeyId?: string | undefined;
  readonly clientToken?: string | undefined;
}

export interface SnapshotRecord {
  readonly id: string;
  /** Of the original; arbitrary in a copy. */
  readonly volumeId: string;
  readonly sizeGiB: number;
  readonly description: string;
  readonly encrypted: boolean;
  readonly kmsKeyId: string | undefined;
  readonly startedAt: number;
  /** Set when it failed, with the reason; then it has no content. */
  readonly failure: string | null;
  /** Whether the volume was frozen (fsfreeze) at that moment. */
  readonly frozen: boolean;
  readonly completionMinutes: number | undefined;
  readonly tags: Tags;
}

export interface ImageMapping {
  readonly device: string;
  readonly snapshotId: string;
  readonly sizeGiB: number;
  readonly type: string;
  readonly encrypted: boolean;
  readonly deleteOnTermination: boolean;
}

/** An image of this account. */
export interface ImageRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly architecture: 'x86_64' | 'arm64';
  readonly rootDevice: string;
  readonly mappings: readonly ImageMapping[];
  readonly enaSupport: boolean;
  readonly bootMode: string | undefined;
  readonly createdAt: number;
  readonly tags: Tags;
}

/** An elastic address. */
export interface AddressRecord {
  readonly id: string;
  readonly publicIp: string;
  readonly tags: Tags;
  association: { readonly id: string; readonly instanceId: string } | null;
}

/** A network beside the default one, which has no record. */
export interface VpcRecord {
  readonly id: string;
  readonly cidr: string;
  readonly tags: Tags;
}

export interface SubnetRecord {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly cidr: string;
  readonly tags: Tags;
  mapPublicIp: boolean;
}

export interface GatewayRecord {
  readonly id: string;
  readonly tags: Tags;
  vpcId: string | null;
}

/** A gateway endpoint of a network. */
export interface EndpointRecord {
  readonly id: string;
  readonly vpcId: string;
  readonly serviceName: string;
  readonly routeTableIds: readonly string[];
  readonly createdAt: number;
  readonly tags: Tags;
}

export interface SpotRequestRecord {
  readonly id: string;
  readonly instanceId: string;
  readonly type: 'one-time' | 'persistent';
  readonly interruption: 'terminate' | 'stop' | 'hibernate';
  /** US dollars an hour. */
  readonly maxPrice: string;
  readonly createdAt: number;
  readonly tags: Tags;
  state: 'active' | 'closed' | 'cancelled';
  status: string;
  updatedAt: number;
}

export interface InterfaceRecord {
  readonly id: string;
  readonly subnetId: string;
  readonly zone: string;
  readonly privateIp: string;
  readonly instanceId: string;
  readonly groupIds: string[];
  readonly mac: string;
  readonly createdAt: number;
  readonly tags: Tags;
}

export interface KeyPairRecord {
  readonly id: string;
  readonly name: string;
  readonly type: 'ed25519' | 'rsa';
  readonly publicKey: string;
  readonly fingerprint: string;
  readonly createdAt: number;
  readonly tags: Tags;
}

/** One source of one rule. */
export interface GroupRule {
  readonly id: string;
  readonly egress: boolean;
  readonly protocol: string;
  readonly fromPort: number | null;
  readonly toPort: number | null;
  readonly source: { readonly kind: 'cidr' | 'cidr6' | 'group' | 'prefix-list'; readonly value: string };
  readonly description: string;
}

export interface GroupRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  /** Missing in what earlier versions wrote. */
  readonly createdAt?: number;
  readonly tags: Tags;
  rules: GroupRule[];
}

export interface RegionRecord {
  readonly instances: Record<string, InstanceRecord>;
  readonly volumes: Record<string, VolumeRecord>;
  readonly interfaces: Record<string, InterfaceRecord>;
  readonly keyPairs: Record<string, KeyPairRecord>;
  readonly groups: Record<string, GroupRecord>;
  /** Client token -> what was asked for and what came of it. */
  readonly clientTokens: Record<string, { readonly fingerprint: string; readonly reservationId: string }>;
  readonly snapshots: Record<string, SnapshotRecord>;
  readonly images: Record<string, ImageRecord>;
  readonly addresses: Record<string, AddressRecord>;
  readonly vpcs: Record<string, VpcRecord>;
  readonly subnets: Record<string, SubnetRecord>;
  readonly gateways: Record<string, GatewayRecord>;
  readonly endpoints: Record<string, EndpointRecord>;
  readonly spotRequests: Record<string, SpotRequestRecord>;
}

/** What a new region has of everything that nobody is given. */
export function noRecords(): Omit<RegionRecord, 'groups'> {
  return {
    ...{ instances: {}, volumes: {}, interfaces: {}, keyPairs: {}, clientTokens: {} },
    ...{ snapshots: {}, images: {}, addresses: {}, spotRequests: {} },
    ...{ vpcs: {}, subnets: {}, gateways: {}, endpoints: {} },
  };
}

/** The whole state. Records are changed in place, then `save` is called before the answer goes out. */
export class Ec2Store {
  readonly #path: string;
  readonly #regions: Record<string, RegionRecord>;

  constructor(directory: string) {
    this.#path = `${directory}/ec2.json`;
    this.#regions = readJson<Record<string, RegionRecord>>(this.#path) ?? {};
    // A state that an earlier version wrote lacks the kinds that came later.
    for (const [name, region] of Object.entries(this.#regions)) this.#regions[name] = { ...noRecords(), ...region };
  }

  /** The records of a region; made, with its default security group, at first use. */
  region(name: string, found: () => RegionRecord): RegionRecord {
    this.#regions[name] ??= found();
    return this.#regions[name];
  }

  regions(): readonly (readonly [string, RegionRecord])[] {
    return Object.entries(this.#regions);
  }

  save(): void {
    writeJson(this.#path, this.#regions);
  }
}

/** `prefix-` and 17 hex digits, as EC2 makes ids. */
export function newId(prefix: string): string {
  return `${prefix}-0${randomBytes(8).toString('hex')}`;
}
