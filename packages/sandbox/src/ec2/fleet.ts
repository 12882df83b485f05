/** EC2's instances as Systems Manager meets them. */
import type { Machine } from '../instance/machine.ts';
import type { Fleet, FleetInstance } from '../ssm/fleet.ts';
import type { Ec2Store, InstanceRecord } from './model.ts';

/** The running machine of an instance, or null. */
type MachineOf = (instanceId: string) => Machine | null;

export function fleet(store: Ec2Store, machineOf: MachineOf): Fleet {
  return {
    instances: (region) => {
      const records = store.regions().find(([name]) => name === region)?.[1].instances ?? {};
      return Object.values(records)
        .filter((instance) => instance.state !== 'terminated')
        .map((instance) => asFleetInstance(region, instance, machineOf));
    },
  };
}

function asFleetInstance(region: string, instance: InstanceRecord, machineOf: MachineOf): FleetInstance {
  return {
    id: instance.id,
    region,
    running: instance.state === 'running' && machineOf(instance.id) !== null,
    imageId: instance.imageId,
    hostname: hostnameOf(instance),
    privateIp: instance.privateIp,
    tags: instance.tags,
    profileArn: instance.association?.arn ?? null,
    since: Math.max(instance.launchTime, instance.association?.since ?? 0),
    spawn: (command) => machineOf(instance.id)?.spawn({ user: 'root', command, terminal: null }) ?? null,
  };
}

/** The name that EC2 gives to a host: its private address. */
export function hostnameOf(instance: Pick<InstanceRecord, 'privateIp'>): string {
  return `ip-${instance.privateIp.replaceAll('.', '-')}`;
}
