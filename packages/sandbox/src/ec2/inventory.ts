/** Everything that EC2 holds and that somebody must have made: default groups and terminated instances are left out. */
import type { InventoryEntry } from '../http/service.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Ec2Store, InstanceRecord } from './model.ts';

export function inventoryOf(store: Ec2Store, lifecycle: Lifecycle): InventoryEntry[] {
  return store.regions().flatMap(([region, records]) => [
    ...Object.values(records.instances)
      .filter((instance) => instance.state !== 'terminated')
      .map((instance) => instanceEntry(region, instance, lifecycle)),
    ...Object.values(records.volumes).map(({ id, tags, sizeGiB, zone }) => ({
      ...{ kind: 'ec2:volume', id, region, tags },
      detail: { sizeGiB, zone },
    })),
    ...Object.values(records.snapshots).map(({ id, tags, sizeGiB, volumeId, frozen }) => ({
      ...{ kind: 'ec2:snapshot', id, region, tags },
      detail: { sizeGiB, volumeId, frozen },
    })),
    ...Object.values(records.images).map(({ id, tags, name }) => ({
      ...{ kind: 'ec2:image', id, region, tags },
      detail: { name },
    })),
    ...Object.values(records.interfaces).map(({ id, tags, instanceId }) => ({
      ...{ kind: 'ec2:network-interface', id, region, tags },
      detail: { instanceId },
    })),
    ...Object.values(records.addresses).map(({ id, tags, publicIp }) => ({
      ...{ kind: 'ec2:elastic-ip', id, region, tags },
      detail: { publicIp },
    })),
    ...Object.values(records.vpcs).map(({ id, tags, cidr }) => ({
      ...{ kind: 'ec2:vpc', id, region, tags },
      detail: { cidr },
    })),
    ...Object.values(records.subnets).map(({ id, tags, zone, cidr }) => ({
      ...{ kind: 'ec2:subnet', id, region, tags },
      detail: { zone, cidr },
    })),
    ...Object.values(records.gateways).map(({ id, tags }) => ({ kind: 'ec2:internet-gateway', id, region, tags })),
    ...Object.values(records.endpoints).map(({ id, tags, serviceName }) => ({
      ...{ kind: 'ec2:vpc-endpoint', id, region, tags },
      detail: { serviceName },
    })),
    ...Object.values(records.spotRequests)
      .filter((request) => request.state === 'active')
      .map(({ id, tags, instanceId }) => ({
        ...{ kind: 'ec2:spot-instances-request', id, region, tags },
        detail: { instanceId },
      })),
    ...Object.values(records.keyPairs).map(({ id, tags, name }) => ({
      ...{ kind: 'ec2:key-pair', id, region, tags },
      detail: { name },
    })),
    ...Object.values(records.groups)
      .filter((group) => group.name !== 'default')
      .map(({ id, tags, name }) => ({ kind: 'ec2:security-group', id, region, tags, detail: { name } })),
  ]);
}

/** `detail.pid` is the machine's first process: SIGKILL to it is the sudden death of the instance. */
function instanceEntry(region: string, instance: InstanceRecord, lifecycle: Lifecycle): InventoryEntry {
  const pid = lifecycle.pid(instance.id);
  return {
    kind: 'ec2:instance',
    id: instance.id,
    region,
    tags: instance.tags,
    detail: {
      state: instance.state,
      isolation: instance.mode ?? 'not booted',
      ...(pid === null ? {} : { pid, sshPort: instance.sshPort, metadataPort: instance.metadataPort }),
    },
  };
}
