/** An instance as DescribeInstances and RunInstances show it. */

import { privateName } from '../imds/content.ts';
import type { XmlValue } from '../xml/write.ts';
import { elasticOf, publicIpOf } from './addresses.ts';
import { type Call, iso, list, tagSet } from './call.ts';
import { INSTANCE_STATES, type InstanceRecord, type InstanceState, type Tags } from './model.ts';
import { vpcIdOf } from './networks.ts';

/** The tag that tells the loopback port of the instance's SSH server while it runs. */
export const SSH_PORT_TAG = 'sandbox:ssh-port';
/** The tag that tells how the instance is isolated. */
export const ISOLATION_TAG = 'sandbox:isolation';

/** The instance's own tags and those by which the sandbox tells what EC2 has no field for. */
export function visibleTags(instance: InstanceRecord): Tags {
  return {
    ...instance.tags,
    ...(instance.mode === null || instance.state === 'terminated' ? {} : { [ISOLATION_TAG]: instance.mode }),
    ...(instance.state === 'running' ? { [SSH_PORT_TAG]: String(instance.sshPort) } : {}),
  };
}

export function stateXml(state: InstanceState): XmlValue {
  return { code: INSTANCE_STATES[state], name: state };
}

export function instanceXml(call: Call, instance: InstanceRecord): XmlValue {
  const present = instance.state !== 'terminated';
  const publicIp = publicIpOf(call.region, instance);
  return {
    instanceId: instance.id,
    imageId: instance.imageId,
    instanceState: stateXml(instance.state),
    privateDnsName: present ? privateName(instance, call.regionName) : '',
    dnsName: publicIp === null ? '' : publicName(publicIp),
    reason: instance.stateReason?.message ?? '',
    keyName: instance.keyName ?? undefined,
    amiLaunchIndex: instance.launchIndex,
    productCodes: '',
    instanceType: instance.instanceType,
    launchTime: iso(instance.launchTime),
    placement: { availabilityZone: instance.zone, groupName: '', tenancy: 'default' },
    monitoring: { state: 'disabled' },
    subnetId: present ? instance.subnetId : undefined,
    vpcId: present ? vpcIdOf(call, instance.subnetId) : undefined,
    privateIpAddress: present ? instance.privateIp : undefined,
    ipAddress: publicIp ?? undefined,
    sourceDestCheck: present ? true : undefined,
    groupSet: list(present ? groupItems(call, instance.groupIds) : []),
    stateReason: instance.stateReason ?? undefined,
    architecture: instance.architecture,
    rootDeviceType: 'ebs',
    rootDeviceName: instance.rootDevice,
    blockDeviceMapping: list(
      instance.attachments.map((attachment) => ({
        deviceName: attachment.device,
        ebs: {
          volumeId: attachment.volumeId,
          status: attachment.busy ? 'detaching' : 'attached',
          attachTime: iso(attachment.attachTime),
          deleteOnTermination: attachment.deleteOnTermination,
        },
      })),
    ),
    virtualizationType: 'hvm',
    instanceLifecycle: instance.spotRequestId === undefined ? undefined : 'spot',
    spotInstanceRequestId: instance.spotRequestId,
    clientToken: instance.clientToken,
    tagSet: tagSet(visibleTags(instance)),
    hypervisor: 'xen',
    networkInterfaceSet: list(present ? [interfaceOf(call, instance)] : []),
    iamInstanceProfile: instance.association
      ? { arn: instance.association.arn, id: instance.association.id }
      : undefined,
    ebsOptimized: false,
    enaSupport: true,
    metadataOptions: {
      state: 'applied',
      httpTokens: instance.metadata.tokens,
      httpPutResponseHopLimit: instance.metadata.hopLimit,
      httpEndpoint: instance.metadata.endpoint,
      httpProtocolIpv6: 'disabled',
      instanceMetadataTags: instance.metadata.instanceTags,
    },
    platformDetails: instance.mode === 'folder' ? 'Linux/UNIX (sandbox: folder without isolation)' : 'Linux/UNIX',
    usageOperation: 'RunInstances',
    bootMode: 'uefi-preferred',
  };
}

export function groupItems(call: Call, ids: readonly string[]): XmlValue[] {
  return ids.map((groupId) => ({ groupId, groupName: call.region.groups[groupId]?.name ?? '' }));
}

function interfaceOf(call: Call, instance: InstanceRecord): XmlValue {
  const publicIp = publicIpOf(call.region, instance);
  const elastic = elasticOf(call.region, instance.id);
  return {
    networkInterfaceId: instance.interfaceId,
    subnetId: instance.subnetId,
    vpcId: vpcIdOf(call, instance.subnetId),
    ownerId: call.context.accountId,
    status: 'in-use',
    macAddress: call.region.interfaces[instance.interfaceId]?.mac,
    privateIpAddress: instance.privateIp,
    sourceDestCheck: true,
    groupSet: list(groupItems(call, instance.groupIds)),
    attachment: {
      attachmentId: instance.interfaceId.replace('eni-', 'eni-attach-'),
      deviceIndex: 0,
      status: 'attached',
      attachTime: iso(instance.launchTime),
      deleteOnTermination: true,
    },
    association:
      publicIp === null
        ? undefined
        : {
            publicIp,
            publicDnsName: publicName(publicIp),
            ipOwnerId: elastic === null ? 'amazon' : call.context.accountId,
          },
    privateIpAddressesSet: list([{ privateIpAddress: instance.privateIp, primary: true }]),
    interfaceType: 'interface',
  };
}

/** Only 127.0.0.1 has a name here. */
function publicName(publicIp: string): string {
  return publicIp === '127.0.0.1' ? 'localhost' : publicIp;
}

/** Reservations: instances of one launch stand together. */
export function reservationsXml(call: Call, instances: readonly InstanceRecord[]): XmlValue[] {
  const groups = new Map<string, InstanceRecord[]>();
  for (const instance of instances) {
    const group = groups.get(instance.reservationId) ?? [];
    group.push(instance);
    groups.set(instance.reservationId, group);
  }
  return [...groups].map(([reservationId, members]) => reservationXml(call, reservationId, members));
}

export function reservationXml(
  call: Call,
  reservationId: string,
  members: readonly InstanceRecord[],
): {
  readonly [element: string]: XmlValue;
} {
  return {
    reservationId,
    ownerId: call.context.accountId,
    groupSet: '',
    instancesSet: list(members.map((instance) => instanceXml(call, instance))),
  };
}
