/** Volumes and network interfaces: described, and deleted where nothing uses them. */
import { ServiceError } from '../http/service-error.ts';
import { removeTree } from '../instance/remove.ts';
import type { XmlValue } from '../xml/write.ts';
import { authorize, type Call, iso, list, type Operation, tagSet } from './call.ts';
import { filtered, page } from './filters.ts';
import { groupItems } from './instance-xml.ts';
import { own, volumeById } from './lookup.ts';
import type { Attachment, InstanceRecord, InterfaceRecord, VolumeRecord } from './model.ts';

interface Use {
  readonly instance: InstanceRecord;
  readonly attachment: Attachment;
}

function useOf(call: Call, volume: VolumeRecord): Use | null {
  for (const instance of Object.values(call.region.instances))
    for (const attachment of instance.attachments)
      if (attachment.volumeId === volume.id) return { instance, attachment };
  return null;
}

export const describeVolumes: Operation = (call) => {
  authorize(call);
  const ids = call.parameters.list('VolumeId');
  const named = ids.length > 0 ? ids.map((id) => volumeById(call, id)) : Object.values(call.region.volumes);
  const found = filtered(
    named,
    call.parameters,
    {
      'volume-id': (volume) => volume.id,
      'attachment.instance-id': (volume) => useOf(call, volume)?.instance.id ?? [],
      'attachment.device': (volume) => useOf(call, volume)?.attachment.device ?? [],
      'attachment.delete-on-termination': (volume) => String(useOf(call, volume)?.attachment.deleteOnTermination ?? ''),
      'attachment.status': (volume) => (useOf(call, volume) ? 'attached' : []),
      'availability-zone': (volume) => volume.zone,
      encrypted: (volume) => String(volume.encrypted),
      size: (volume) => String(volume.sizeGiB),
      status: (volume) => (useOf(call, volume) ? 'in-use' : 'available'),
      'volume-type': (volume) => volume.type,
      'snapshot-id': (volume) => volume.snapshotId,
    },
    (volume) => volume.tags,
  );
  const { items, nextToken } = page(found, call.parameters);
  return { volumeSet: list(items.map((volume) => volumeXml(call, volume))), nextToken };
};

function volumeXml(call: Call, volume: VolumeRecord): XmlValue {
  const use = useOf(call, volume);
  return {
    volumeId: volume.id,
    size: volume.sizeGiB,
    snapshotId: volume.snapshotId,
    availabilityZone: volume.zone,
    status: use ? 'in-use' : 'available',
    createTime: iso(volume.createdAt),
    attachmentSet: list(
      use === null
        ? []
        : [
            {
              volumeId: volume.id,
              instanceId: use.instance.id,
              device: use.attachment.device,
              status: 'attached',
              attachTime: iso(use.attachment.attachTime),
              deleteOnTermination: use.attachment.deleteOnTermination,
            },
          ],
    ),
    tagSet: tagSet(volume.tags),
    volumeType: volume.type,
    encrypted: volume.encrypted,
    multiAttachEnabled: false,
  };
}

export const deleteVolume: Operation = async (call) => {
  const volume = volumeById(call, call.parameters.required('VolumeId'));
  authorize(call, { resource: `volume/${volume.id}`, tags: volume.tags });
  const use = useOf(call, volume);
  if (use !== null)
    throw new ServiceError(400, 'VolumeInUse', `Volume ${volume.id} is currently attached to ${use.instance.id}`);
  delete call.region.volumes[volume.id];
  call.store.save();
  await removeTree(call.lifecycle.volumeDirectory(volume.id));
  return { return: true };
};

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
      'vpc-id': () => call.network.vpcId,
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
    vpcId: call.network.vpcId,
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

/** No elastic addresses are made here; the list is empty, as clean-up expects to read it. */
export const describeAddresses: Operation = (call) => {
  authorize(call);
  return { addressesSet: list([]) };
};
