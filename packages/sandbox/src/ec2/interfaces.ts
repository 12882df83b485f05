/** Network interfaces: described; each goes with its instance. */
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import { authorize, type Call, iso, list, type Operation, tagSet } from './call.ts';
import { filtered, page } from './filters.ts';
import { groupItems } from './instance-xml.ts';
import { own } from './lookup.ts';
import type { InterfaceRecord } from './model.ts';
import { vpcIdOf } from './networks.ts';

function interfaceById(call: Call, id: string): InterfaceRecord {
  const found = own(call.region.interfaces, id);
  if (found === null)
    throw new ServiceError(400, 'InvalidNetworkInterfaceID.NotFound', `The networkInterface ID '${id}' does not exist`);
  return found;
}

export const describeNetworkInterfaces: Operation = (call) => {
  authorize(call);
  const ids = call.parameters.list('NetworkInterfaceId');
  const named = ids.length > 0 ? ids.map((id) => interfaceById(call, id)) : Object.values(call.region.interfaces);
  const found = filtered(
    named,
    call.parameters,
    {
      'network-interface-id': (one) => one.id,
      'attachment.instance-id': (one) => one.instanceId,
      'group-id': (one) => one.groupIds,
      'subnet-id': (one) => one.subnetId,
      'vpc-id': (one) => vpcIdOf(call, one.subnetId),
      'availability-zone': (one) => one.zone,
      'private-ip-address': (one) => one.privateIp,
      status: () => 'in-use',
    },
    (one) => one.tags,
  );
  const { items, nextToken } = page(found, call.parameters);
  return { networkInterfaceSet: list(items.map((one) => interfaceXml(call, one))), nextToken };
};

function interfaceXml(call: Call, one: InterfaceRecord): XmlValue {
  return {
    networkInterfaceId: one.id,
    subnetId: one.subnetId,
    vpcId: vpcIdOf(call, one.subnetId),
    availabilityZone: one.zone,
    description: '',
    ownerId: call.context.accountId,
    status: 'in-use',
    macAddress: one.mac,
    privateIpAddress: one.privateIp,
    sourceDestCheck: true,
    groupSet: list(groupItems(call, one.groupIds)),
    attachment: {
      attachmentId: one.id.replace('eni-', 'eni-attach-'),
      instanceId: one.instanceId,
      instanceOwnerId: call.context.accountId,
      deviceIndex: 0,
      status: 'attached',
      attachTime: iso(one.createdAt),
      deleteOnTermination: true,
    },
    tagSet: tagSet(one.tags),
    privateIpAddressesSet: list([{ privateIpAddress: one.privateIp, primary: true }]),
    interfaceType: 'interface',
  };
}

export const deleteNetworkInterface: Operation = (call) => {
  const one = interfaceById(call, call.parameters.required('NetworkInterfaceId'));
  authorize(call, { resource: `network-interface/${one.id}`, tags: one.tags });
  throw new ServiceError(400, 'InvalidNetworkInterface.InUse', `Network interface ${one.id} is currently in use.`);
};
