/** Subnets: ranges of a network in one zone. */
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import { arnOf, authorize, type Call, checkTagTypes, list, type Operation, tagSet, tagsFor } from './call.ts';
import type { Subnet } from './catalog.ts';
import { contains, overlap, readCidr } from './cidr.ts';
import { filtered, page } from './filters.ts';
import { own, subnetById } from './lookup.ts';
import { newId } from './model.ts';
import { subnetsOf, vpcById } from './networks.ts';
import { invalid } from './parameters.ts';

/** AWS keeps the first four addresses of a subnet and the last. */
const RESERVED = 5;

export const createSubnet: Operation = (call) => {
  const { parameters, region, network } = call;
  const vpc = vpcById(call, parameters.required('VpcId'));
  const cidr = parameters.required('CidrBlock');
  const zone = zoneOf(call);
  checkTagTypes(parameters, ['subnet']);
  const tags = tagsFor(parameters, 'subnet');
  authorize(call, { resource: 'subnet/*', newTags: tags }, { resource: `vpc/${vpc.id}`, tags: vpc.tags });
  const range = readCidr(cidr);
  const within = readCidr(vpc.cidr);
  if (range === null || within === null || range.bits > 28 || !contains(within, range))
    throw new ServiceError(400, 'InvalidSubnet.Range', `The CIDR '${cidr}' is invalid.`);
  const conflict = subnetsOf(call).some((other) => {
    const taken = readCidr(other.cidr);
    return other.vpcId === vpc.id && taken !== null && overlap(taken, range);
  });
  if (conflict)
    throw new ServiceError(400, 'InvalidSubnet.Conflict', `The CIDR '${cidr}' conflicts with another subnet`);
  const id = newId('subnet');
  region.subnets[id] = { id, vpcId: vpc.id, zone, cidr, tags, mapPublicIp: false };
  call.store.save();
  const zoneId = network.subnets.find((one) => one.zone === zone)?.zoneId ?? '';
  return { subnet: subnetXml(call, { id, vpcId: vpc.id, zone, zoneId, cidr, tags, mapPublicIp: false }) };
};

function zoneOf(call: Call): string {
  const { parameters, network } = call;
  const byId = parameters.get('AvailabilityZoneId');
  const zone = parameters.get('AvailabilityZone');
  if (zone === undefined && byId === undefined) return network.subnets[0]?.zone ?? '';
  const found = network.subnets.find((one) => one.zone === zone || one.zoneId === byId);
  if (found === undefined)
    throw invalid(
      'availabilityZone',
      zone ?? byId ?? '',
      'Subnets can currently only be created in the zones of the region.',
    );
  return found.zone;
}

export const deleteSubnet: Operation = (call) => {
  const subnet = subnetById(call, call.parameters.required('SubnetId'));
  authorize(call, { resource: `subnet/${subnet.id}`, tags: subnet.tags });
  const used = Object.values(call.region.interfaces).some((one) => one.subnetId === subnet.id);
  // A default subnet would have to be remembered as gone: the sandbox keeps it.
  if (used || own(call.region.subnets, subnet.id) === null)
    throw new ServiceError(
      400,
      'DependencyViolation',
      `The subnet '${subnet.id}' has dependencies and cannot be deleted.`,
    );
  delete call.region.subnets[subnet.id];
  call.store.save();
  return { return: true };
};

/** MapPublicIpOnLaunch; other attributes are refused. */
export const modifySubnetAttribute: Operation = (call) => {
  const subnet = subnetById(call, call.parameters.required('SubnetId'));
  authorize(call, { resource: `subnet/${subnet.id}`, tags: subnet.tags });
  const record = own(call.region.subnets, subnet.id);
  if (call.parameters.get('MapPublicIpOnLaunch.Value') === undefined || record === null)
    throw new ServiceError(
      400,
      'UnsupportedOperation',
      'The sandbox changes only MapPublicIpOnLaunch, and only of subnets that were made in it',
    );
  record.mapPublicIp = call.parameters.flag('MapPublicIpOnLaunch.Value');
  call.store.save();
  return { return: true };
};

export const describeSubnets: Operation = (call) => {
  authorize(call);
  const ids = call.parameters.list('SubnetId').map((id) => subnetById(call, id).id);
  const wanted = subnetsOf(call).filter((subnet) => ids.length === 0 || ids.includes(subnet.id));
  const isDefault = (subnet: Subnet): string => String(call.network.subnets.some((one) => one.id === subnet.id));
  const found = filtered(
    wanted,
    call.parameters,
    {
      'subnet-id': (subnet) => subnet.id,
      'vpc-id': (subnet) => subnet.vpcId,
      'availability-zone': (subnet) => subnet.zone,
      availabilityZone: (subnet) => subnet.zone,
      'availability-zone-id': (subnet) => subnet.zoneId,
      'default-for-az': isDefault,
      defaultForAz: isDefault,
      'map-public-ip-on-launch': (subnet) => String(subnet.mapPublicIp),
      state: () => 'available',
      'cidr-block': (subnet) => subnet.cidr,
    },
    (subnet) => subnet.tags,
  );
  const { items, nextToken } = page(found, call.parameters);
  return { subnetSet: list(items.map((subnet) => subnetXml(call, subnet))), nextToken };
};

function subnetXml(call: Call, subnet: Subnet): XmlValue {
  const used = Object.values(call.region.interfaces).filter((one) => one.subnetId === subnet.id).length;
  return {
    subnetId: subnet.id,
    subnetArn: arnOf(call, `subnet/${subnet.id}`),
    state: 'available',
    ownerId: call.context.accountId,
    vpcId: subnet.vpcId,
    cidrBlock: subnet.cidr,
    availableIpAddressCount: (readCidr(subnet.cidr)?.size ?? RESERVED) - RESERVED - used,
    availabilityZone: subnet.zone,
    availabilityZoneId: subnet.zoneId,
    defaultForAz: call.network.subnets.some((one) => one.id === subnet.id),
    mapPublicIpOnLaunch: subnet.mapPublicIp,
    assignIpv6AddressOnCreation: false,
    tagSet: tagSet(subnet.tags),
  };
}
