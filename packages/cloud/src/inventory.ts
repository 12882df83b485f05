/** What exists in the cloud with our tags. Reads only; buckets are not among it. */

import { unless } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import type { HostRecord } from './host-record.ts';
import { IAM_PATH, identityName } from './identity.ts';
import { describeInstances } from './instance.ts';
import type { Ledger, ResourceKind } from './ledger.ts';
import { type AskOptions, callOptions } from './run.ts';
import { isOurs, readTags, TAG_ADOPTED, TAG_HOST, TAG_LEDGER, TAG_MANAGED, TAG_REGION, type Tags } from './tags.ts';

/** One resource to delete. `ledger` is the id of its ledger entry as its tag says, null when the tag is missing. */
export interface Removal {
  readonly kind: ResourceKind;
  /** The id given by the cloud, or the name for kinds that have none (role, profile). */
  readonly id: string;
  readonly name: string;
  readonly host: string | null;
  readonly ledger: string | null;
  /** An instance that is being ended already: what its disks held is past saving. */
  readonly ending?: true;
}

/** AWS lets go in this order: what uses comes before what is used. */
export const REMOVAL_ORDER: readonly ResourceKind[] = [
  'instance',
  'spot-request',
  'address',
  'security-group',
  'adoption', // after the group, which is found on the host by it
  'key-pair',
  'instance-profile',
  'role',
];

/** Everything of ours in the clients' region, and in IAM for hosts of that region; for one host when named. In the order of removal. */
export async function findOurs(
  clients: AwsClients,
  host: string | null,
  options: AskOptions,
): Promise<readonly Removal[]> {
  const found = [
    ...(await ec2Resources(clients, host, options)),
    ...(await profiles(clients, host, options)),
    ...(await roles(clients, host, options)),
  ];
  const rank = (removal: Removal): number => REMOVAL_ORDER.indexOf(removal.kind);
  return found.sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

/**
 * What `host destroy` and `host detach` may take: everything with the host's name, unless this state directory knows a
 * host of that name and others do too. Then only its own: a launch that was refused because the name was taken must not
 * end the host that had it.
 */
export async function findOfHost(
  clients: AwsClients,
  ledger: Ledger,
  record: HostRecord | null,
  name: string,
  options: AskOptions,
): Promise<readonly Removal[]> {
  const found = await findOurs(clients, name, options);
  const known = new Map((await ledger.entries()).map((entry) => [entry.id, entry]));
  const own = found.filter((one) => one.ledger !== null && known.has(one.ledger));
  const begun = [...known.values()].some((entry) => entry.host === name && entry.state !== 'deleted');
  // The instance on record is ours whatever became of the ledger.
  const onRecord = found.some((one) => one.id === record?.instanceId && !own.includes(one));
  return (record !== null || begun) && !onRecord ? own : found;
}

async function ec2Resources(clients: AwsClients, host: string | null, options: AskOptions): Promise<Removal[]> {
  const {
    DescribeAddressesCommand,
    DescribeKeyPairsCommand,
    paginateDescribeSecurityGroups,
    paginateDescribeSpotInstanceRequests,
  } = await import('@aws-sdk/client-ec2');
  const client = await clients.ec2();
  const Filters = [
    { Name: `tag:${TAG_MANAGED}`, Values: ['true'] },
    ...(host === null ? [] : [{ Name: `tag:${TAG_HOST}`, Values: [host] }]),
  ];
  const found: Removal[] = [];
  for (const instance of await describeInstances(clients, Filters, options)) {
    if (instance.State?.Name === 'terminated') continue;
    const tags = readTags(instance.Tags);
    const one = removal('instance', instance.InstanceId!, tags[TAG_HOST] ?? instance.InstanceId!, tags);
    found.push(instance.State?.Name === 'shutting-down' ? { ...one, ending: true } : one);
  }
  for (const instance of await describeInstances(clients, adopted(host), options)) {
    if (instance.State?.Name === 'terminated') continue;
    const tags = readTags(instance.Tags);
    found.push(removal('adoption', instance.InstanceId!, tags[TAG_HOST] ?? instance.InstanceId!, tags));
  }
  for await (const page of paginateDescribeSecurityGroups({ client }, { Filters }, callOptions(options))) {
    for (const group of page.SecurityGroups ?? []) {
      found.push(removal('security-group', group.GroupId!, group.GroupName!, readTags(group.Tags)));
    }
  }
  const { KeyPairs = [] } = await client.send(new DescribeKeyPairsCommand({ Filters }), callOptions(options));
  const spot = [...Filters, { Name: 'state', Values: ['open', 'active'] }];
  for await (const page of paginateDescribeSpotInstanceRequests({ client }, { Filters: spot }, callOptions(options))) {
    for (const request of page.SpotInstanceRequests ?? []) {
      const id = request.SpotInstanceRequestId!;
      found.push(removal('spot-request', id, id, readTags(request.Tags)));
    }
  }
  const { Addresses = [] } = await client.send(new DescribeAddressesCommand({ Filters }), callOptions(options));
  for (const address of Addresses)
    found.push(removal('address', address.AllocationId!, address.PublicIp!, readTags(address.Tags)));
  for (const pair of KeyPairs) found.push(removal('key-pair', pair.KeyPairId!, pair.KeyName!, readTags(pair.Tags)));
  return found;
}

function adopted(host: string | null): { Name: string; Values: string[] }[] {
  const marked = { Name: `tag:${TAG_ADOPTED}`, Values: ['true'] };
  return host === null ? [marked] : [marked, { Name: `tag:${TAG_HOST}`, Values: [host] }];
}

async function roles(clients: AwsClients, host: string | null, options: AskOptions): Promise<Removal[]> {
  const { GetRoleCommand, paginateListRoles } = await import('@aws-sdk/client-iam');
  const client = await clients.iam();
  const names: string[] = host === null ? [] : [identityName(host, clients.region)];
  if (host === null) {
    for await (const page of paginateListRoles({ client }, { PathPrefix: IAM_PATH }, callOptions(options))) {
      names.push(...(page.Roles ?? []).map((role) => role.RoleName!));
    }
  }
  const found: Removal[] = [];
  for (const RoleName of names) {
    // Lists of roles carry no tags; each is asked for its own.
    const call = client.send(new GetRoleCommand({ RoleName }), callOptions(options));
    const tags = readTags((await unless(call, 'NoSuchEntity', 'NoSuchEntityException'))?.Role?.Tags);
    if (isOurs(tags) && tags[TAG_REGION] === clients.region) found.push(removal('role', RoleName, RoleName, tags));
  }
  return found;
}

async function profiles(clients: AwsClients, host: string | null, options: AskOptions): Promise<Removal[]> {
  const { GetInstanceProfileCommand, paginateListInstanceProfiles } = await import('@aws-sdk/client-iam');
  const client = await clients.iam();
  const names: string[] = host === null ? [] : [identityName(host, clients.region)];
  if (host === null) {
    for await (const page of paginateListInstanceProfiles({ client }, { PathPrefix: IAM_PATH }, callOptions(options))) {
      names.push(...(page.InstanceProfiles ?? []).map((profile) => profile.InstanceProfileName!));
    }
  }
  const found: Removal[] = [];
  for (const InstanceProfileName of names) {
    const call = client.send(new GetInstanceProfileCommand({ InstanceProfileName }), callOptions(options));
    const tags = readTags((await unless(call, 'NoSuchEntity', 'NoSuchEntityException'))?.InstanceProfile?.Tags);
    if (isOurs(tags) && tags[TAG_REGION] === clients.region)
      found.push(removal('instance-profile', InstanceProfileName, InstanceProfileName, tags));
  }
  return found;
}

function removal(kind: ResourceKind, id: string, name: string, tags: Tags): Removal {
  return { kind, id, name, host: tags[TAG_HOST] ?? null, ledger: tags[TAG_LEDGER] ?? null };
}
