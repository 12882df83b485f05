/** A host as callers see it: what the cloud says, joined with what this machine remembers. */
import type { Instance } from '@aws-sdk/client-ec2';
import { type HostRecord, loginKeyFile } from './host-record.ts';
import { addressOf } from './instance.ts';
import { readTags, TAG_ADOPTED, TAG_BUCKET, TAG_HOST, TAG_PREFIX, TAG_USER, type Tags } from './tags.ts';

export interface Host {
  readonly name: string;
  readonly instanceId: string;
  /** EC2's word: 'pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated'. */
  readonly state: string;
  /** Where SSH answers; null while it has no address. */
  readonly address: string | null;
  readonly port: number;
  readonly user: string;
  /** Path of the private key on this machine (mode 0600), or null when this machine has none. */
  readonly privateKeyFile: string | null;
  /** OpenSSH public key lines that the host must present; empty when this machine does not know them. */
  readonly hostKeys: readonly string[];
  readonly region: string;
  readonly zone: string | null;
  readonly instanceType: string;
  readonly image: string;
  /** ISO 8601. */
  readonly launched: string | null;
  readonly bucket: string | null;
  readonly prefix: string | null;
  /** Whether this state directory launched or adopted it. */
  readonly known: boolean;
  /** Whether it has an address on the internet, elastic or not; those are charged for. */
  readonly publicAddress: boolean;
  /** Whether EC2 may end it when it needs the machine. */
  readonly spot: boolean;
  /** Whether Hostark made the instance, or was told to look after one that ran already. */
  readonly origin: 'launched' | 'adopted';
  /** How it is reached when nothing else is said. */
  readonly via: 'ssh' | 'ssm';
}

/** `record` counts only when it is of this instance: names may be used again. */
export function joinHost(instance: Instance, record: HostRecord | null, region: string, stateDirectory: string): Host {
  const tags = readTags(instance.Tags);
  const own = record !== null && record.instanceId === instance.InstanceId ? record : null;
  const name = tags[TAG_HOST] ?? instance.InstanceId ?? '';
  return {
    name,
    instanceId: instance.InstanceId ?? '',
    state: instance.State?.Name ?? 'unknown',
    address: addressOf(instance),
    port: portOf(tags),
    user: own?.user ?? tags[TAG_USER] ?? 'ec2-user',
    privateKeyFile: own === null ? null : (own.identityFile ?? loginKeyFile(stateDirectory, name)),
    hostKeys: own?.hostKeys ?? [],
    region,
    zone: instance.Placement?.AvailabilityZone ?? null,
    instanceType: instance.InstanceType ?? '',
    image: instance.ImageId ?? '',
    launched: instance.LaunchTime?.toISOString() ?? null,
    bucket: own?.bucket ?? tags[TAG_BUCKET] ?? null,
    prefix: own?.prefix ?? tags[TAG_PREFIX] ?? null,
    known: own !== null,
    publicAddress: instance.PublicIpAddress !== undefined,
    spot: instance.InstanceLifecycle === 'spot',
    origin: tags[TAG_ADOPTED] === undefined ? 'launched' : 'adopted',
    via: own?.via ?? 'ssh',
  };
}

/** A sandbox host shares its address with its neighbours and tells its own port; on AWS nobody sets this tag. */
export function portOf(tags: Tags): number {
  return Number(tags['sandbox:ssh-port'] ?? 22);
}
