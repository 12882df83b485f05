/** Lists hosts by our tags, joined with the records of this machine. */
import { HostarkError } from '@hostark/protocol';
import type { AwsClients } from './clients.ts';
import { placeOf } from './cloud-place.ts';
import { type Host, joinHost } from './host.ts';
import { type HostRecord, readHostRecords } from './host-record.ts';
import { describeInstances } from './instance.ts';
import type { Ledger } from './ledger.ts';
import { type AskOptions, callOptions } from './run.ts';
import { TAG_ADOPTED, TAG_MANAGED } from './tags.ts';

/** One EBS volume of a host. */
export interface AttachedVolume {
  readonly id: string;
  readonly sizeGiB: number;
  readonly type: string;
}

const LIVE = ['pending', 'running', 'stopping', 'stopped'];

/** All hosts with our tags in the clients' region that are not terminated, by name. */
export async function listHosts(
  clients: AwsClients,
  ledger: Ledger,
  options: AskOptions = {},
): Promise<readonly Host[]> {
  const filters = [
    { Name: 'tag-key', Values: [TAG_MANAGED, TAG_ADOPTED] }, // any of the two
    { Name: 'instance-state-name', Values: LIVE },
  ];
  const [instances, records] = await Promise.all([
    describeInstances(clients, filters, options),
    readHostRecords(ledger.directory),
  ]);
  const byInstance = new Map(records.map((record) => [record.instanceId, record]));
  return instances
    .map((instance) =>
      joinHost(instance, byInstance.get(instance.InstanceId ?? '') ?? null, clients.region, ledger.directory),
    )
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.instanceId < b.instanceId ? -1 : 1));
}

/**
 * What this machine remembers of hosts that are not among `found`, in the clients' account and region: ended behind our
 * back, or left by runs that were killed before they had an instance.
 */
export async function vanishedRecords(
  clients: AwsClients,
  ledger: Ledger,
  found: readonly Host[],
): Promise<readonly HostRecord[]> {
  const records = await readHostRecords(ledger.directory);
  if (records.length === 0) return [];
  const place = await placeOf(clients);
  const present = new Set(found.map((host) => host.instanceId));
  return records.filter(
    ({ account, region, instanceId }) =>
      account === place.account && region === place.region && (instanceId === null || !present.has(instanceId)),
  );
}

/** The volumes that are attached to each host, by instance id. */
export async function hostVolumes(
  clients: AwsClients,
  hosts: readonly Host[],
  options: AskOptions = {},
): Promise<ReadonlyMap<string, readonly AttachedVolume[]>> {
  const volumes = new Map<string, AttachedVolume[]>();
  if (hosts.length === 0) return volumes;
  const { paginateDescribeVolumes } = await import('@aws-sdk/client-ec2');
  const client = await clients.ec2();
  const Filters = [{ Name: 'attachment.instance-id', Values: hosts.map((host) => host.instanceId) }];
  for await (const page of paginateDescribeVolumes({ client }, { Filters }, callOptions(options))) {
    for (const { VolumeId, Size, VolumeType, Attachments = [] } of page.Volumes ?? []) {
      const volume = { id: VolumeId ?? '', sizeGiB: Size ?? 0, type: VolumeType ?? '' };
      for (const { InstanceId = '' } of Attachments)
        volumes.set(InstanceId, [...(volumes.get(InstanceId) ?? []), volume]);
    }
  }
  return volumes;
}

/** One host by name or instance id; the one this machine launched when several share a name. Throws 'host-not-found'. */
export async function showHost(
  clients: AwsClients,
  ledger: Ledger,
  name: string,
  options: AskOptions = {},
): Promise<Host> {
  const hosts = await listHosts(clients, ledger, options);
  const named = hosts.filter((host) => host.name === name || host.instanceId === name);
  const [host, second] = [...named.filter((one) => one.known), ...named.filter((one) => !one.known)];
  if (host === undefined) {
    const known = hosts.map((one) => one.name).join(', ');
    throw new HostarkError(
      'host-not-found',
      `host ${name}: none in ${clients.region}; there is ${known || 'no host at all'}`,
      {
        hint: 'hostark host list; another --region or --profile may have it',
      },
    );
  }
  if (second !== undefined && !host.known) {
    throw new HostarkError('host-not-found', `host ${name}: several have that name`, {
      hint: `name one by its id: ${named.map((one) => one.instanceId).join(', ')}`,
    });
  }
  return host;
}
