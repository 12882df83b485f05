/**
 * Elastic addresses. They lie in 127.64.0.0/10, so that they are real: the SSH server of an associated, running
 * instance answers there as well, on the same port.
 */
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import { authorize, type Call, checkTagTypes, list, type Operation, tagSet, tagsFor } from './call.ts';
import { addressIn, readCidr } from './cidr.ts';
import { filtered } from './filters.ts';
import { instanceById, own } from './lookup.ts';
import { type AddressRecord, type InstanceRecord, newId, type RegionRecord } from './model.ts';
import { gatewayOf, vpcIdOf } from './networks.ts';

/** Addresses that an account may have in a region. Source: EC2 quotas. */
const QUOTA = 5;

/** The elastic address of an instance; null when it has none. */
export function elasticOf(region: Pick<RegionRecord, 'addresses'>, instanceId: string): AddressRecord | null {
  return Object.values(region.addresses).find((one) => one.association?.instanceId === instanceId) ?? null;
}

/** The address at which the world sees an instance now: elastic, else its own while it runs, else none. */
export function publicIpOf(
  region: Pick<RegionRecord, 'addresses'>,
  instance: Pick<InstanceRecord, 'id' | 'state' | 'autoPublicIp'>,
): string | null {
  const elastic = elasticOf(region, instance.id);
  if (elastic !== null) return elastic.publicIp;
  return instance.state === 'running' && instance.autoPublicIp !== false ? '127.0.0.1' : null;
}

export const allocateAddress: Operation = (call) => {
  const { parameters, region } = call;
  checkTagTypes(parameters, ['elastic-ip']);
  const tags = tagsFor(parameters, 'elastic-ip');
  authorize(call, { resource: 'elastic-ip/*', newTags: tags });
  if (Object.keys(region.addresses).length >= QUOTA)
    throw new ServiceError(400, 'AddressLimitExceeded', 'The maximum number of addresses has been reached.');
  const address: AddressRecord = { id: newId('eipalloc'), publicIp: freeIp(call), tags, association: null };
  region.addresses[address.id] = address;
  call.store.save();
  return {
    publicIp: address.publicIp,
    allocationId: address.id,
    domain: 'vpc',
    publicIpv4Pool: 'amazon',
    networkBorderGroup: call.regionName,
  };
};

/** One that no region has: loopback is one for all. */
function freeIp(call: Call): string {
  const taken = new Set(
    call.store.regions().flatMap(([, { addresses }]) => Object.values(addresses).map((one) => one.publicIp)),
  );
  const range = readCidr('127.64.0.0/10');
  let n = 10;
  while (range !== null && taken.has(addressIn(range, n))) n++;
  return range === null ? '' : addressIn(range, n);
}

function addressById(call: Call, id: string): AddressRecord {
  const address = own(call.region.addresses, id);
  if (address === null)
    throw new ServiceError(400, 'InvalidAllocationID.NotFound', `The allocation ID '${id}' does not exist`);
  return address;
}

function touched(address: AddressRecord): {
  readonly resource: string;
  readonly tags: Readonly<Record<string, string>>;
} {
  return { resource: `elastic-ip/${address.id}`, tags: address.tags };
}

export const associateAddress: Operation = async (call) => {
  const { parameters, region } = call;
  const address = addressById(call, parameters.required('AllocationId'));
  const instance = targetOf(call);
  authorize(call, touched(address), { resource: `instance/${instance.id}`, tags: instance.tags });
  if (instance.state !== 'running' && instance.state !== 'stopped')
    throw new ServiceError(
      400,
      'IncorrectInstanceState',
      `The ${instance.state} instance to which '${instance.interfaceId}' is attached is not in a valid state for this operation`,
    );
  const vpcId = vpcIdOf(call, instance.subnetId);
  if (gatewayOf(call, vpcId) === null)
    throw new ServiceError(400, 'Gateway.NotAttached', `Network ${vpcId} is not attached to any internet gateway`);
  const here = elasticOf(region, instance.id);
  const taken = here !== null && here !== address ? here : address.association === null ? null : address;
  if (taken !== null && !parameters.flag('AllowReassociation', true))
    throw new ServiceError(
      400,
      'Resource.AlreadyAssociated',
      `resource ${taken.id} is already associated with associate-id ${taken.association?.id}`,
    );
  const before = address.association?.instanceId;
  if (here !== null) here.association = null;
  address.association = { id: newId('eipassoc'), instanceId: instance.id };
  call.store.save();
  for (const id of new Set([before, instance.id]))
    if (id !== undefined) await call.lifecycle.listen(call.regionName, id);
  return { return: true, associationId: address.association.id };
};

function targetOf(call: Call): InstanceRecord {
  const nic = call.parameters.get('NetworkInterfaceId');
  if (nic === undefined) return instanceById(call, call.parameters.required('InstanceId'));
  const found = own(call.region.interfaces, nic);
  if (found === null)
    throw new ServiceError(
      400,
      'InvalidNetworkInterfaceID.NotFound',
      `The networkInterface ID '${nic}' does not exist`,
    );
  return instanceById(call, found.instanceId);
}

export const disassociateAddress: Operation = async (call) => {
  const id = call.parameters.required('AssociationId');
  const address = Object.values(call.region.addresses).find((one) => one.association?.id === id);
  if (address === undefined)
    throw new ServiceError(400, 'InvalidAssociationID.NotFound', `The association ID '${id}' does not exist`);
  authorize(call, touched(address));
  const instanceId = address.association?.instanceId ?? '';
  address.association = null;
  call.store.save();
  await call.lifecycle.listen(call.regionName, instanceId);
  return { return: true };
};

export const releaseAddress: Operation = (call) => {
  const address = addressById(call, call.parameters.required('AllocationId'));
  authorize(call, touched(address));
  if (address.association !== null)
    throw new ServiceError(400, 'InvalidIPAddress.InUse', `Address ${address.publicIp} is in use.`);
  delete call.region.addresses[address.id];
  call.store.save();
  return { return: true };
};

export const describeAddresses: Operation = (call) => {
  authorize(call);
  const { parameters, region } = call;
  const ids = parameters.list('AllocationId').map((id) => addressById(call, id).id);
  const ips = parameters.list('PublicIp');
  for (const ip of ips)
    if (!Object.values(region.addresses).some((one) => one.publicIp === ip))
      throw new ServiceError(400, 'InvalidAddress.NotFound', `Address '${ip}' not found.`);
  const named = Object.values(region.addresses).filter(
    (one) => (ids.length === 0 || ids.includes(one.id)) && (ips.length === 0 || ips.includes(one.publicIp)),
  );
  const found = filtered(
    named,
    parameters,
    {
      'allocation-id': (one) => one.id,
      'association-id': (one) => one.association?.id ?? [],
      'instance-id': (one) => one.association?.instanceId ?? [],
      'network-interface-id': (one) => instanceOf(call, one)?.interfaceId ?? [],
      'private-ip-address': (one) => instanceOf(call, one)?.privateIp ?? [],
      'public-ip': (one) => one.publicIp,
      domain: () => 'vpc',
    },
    (one) => one.tags,
  );
  return { addressesSet: list(found.map((one) => addressXml(call, one))) };
};

function instanceOf(call: Call, address: AddressRecord): InstanceRecord | null {
  return address.association === null ? null : own(call.region.instances, address.association.instanceId);
}

function addressXml(call: Call, address: AddressRecord): XmlValue {
  const instance = instanceOf(call, address);
  return {
    publicIp: address.publicIp,
    allocationId: address.id,
    domain: 'vpc',
    publicIpv4Pool: 'amazon',
    networkBorderGroup: call.regionName,
    instanceId: instance?.id,
    associationId: address.association?.id,
    networkInterfaceId: instance?.interfaceId,
    networkInterfaceOwnerId: instance === null ? undefined : call.context.accountId,
    privateIpAddress: instance?.privateIp,
    tagSet: tagSet(address.tags),
  };
}
