/** The volumes of a host as EC2 attached them, and what its machine is. Reads only. */
import type { Instance, Volume } from '@aws-sdk/client-ec2';
import { HostarkError } from '@hostark/protocol';
import type { AwsClients } from './clients.ts';
import type { Host } from './host.ts';
import { describeInstances } from './instance.ts';
import { type AskOptions, callOptions } from './run.ts';
import type { MachineFacts } from './volume-tags.ts';

/** A volume of a host, as it is now. */
export interface HostVolume {
  readonly volumeId: string;
  readonly device: string;
  readonly root: boolean;
  readonly sizeGiB: number;
  readonly type: string;
  readonly encrypted: boolean;
}

/** The instance and its EBS volumes, the root volume first. */
export async function volumesOfHost(
  clients: AwsClients,
  instanceId: string,
  options: AskOptions,
): Promise<{ readonly instance: Instance; readonly volumes: readonly HostVolume[] }> {
  const [instance] = await describeInstances(clients, [{ Name: 'instance-id', Values: [instanceId] }], options);
  if (instance === undefined)
    throw new HostarkError('host-not-found', `instance ${instanceId}: there is none in ${clients.region}`);
  const { paginateDescribeVolumes } = await import('@aws-sdk/client-ec2');
  const client = await clients.ec2();
  const found = new Map<string, Volume>();
  const Filters = [{ Name: 'attachment.instance-id', Values: [instanceId] }];
  for await (const page of paginateDescribeVolumes({ client }, { Filters }, callOptions(options)))
    for (const volume of page.Volumes ?? []) found.set(volume.VolumeId!, volume);
  const volumes = (instance.BlockDeviceMappings ?? []).flatMap(({ DeviceName: device = '', Ebs }): HostVolume[] => {
    const volume = found.get(Ebs?.VolumeId ?? '');
    if (volume === undefined) return [];
    return [
      {
        volumeId: volume.VolumeId!,
        device,
        root: device === instance.RootDeviceName,
        sizeGiB: volume.Size ?? 0,
        type: volume.VolumeType ?? 'gp3',
        encrypted: volume.Encrypted ?? false,
      },
    ];
  });
  return {
    instance,
    volumes: volumes.sort((a, b) => Number(b.root) - Number(a.root) || (a.device < b.device ? -1 : 1)),
  };
}

/** What a new host must be to boot from these volumes. */
export function machineOf(instance: Instance, host: Host): MachineFacts {
  return {
    architecture: instance.Architecture === 'arm64' ? 'arm64' : 'x86_64',
    bootMode: instance.CurrentInstanceBootMode ?? instance.BootMode ?? null,
    rootDevice: instance.RootDeviceName ?? '/dev/xvda',
    instanceType: host.instanceType,
    user: host.user,
    bucket: host.bucket,
    prefix: host.prefix,
  };
}
