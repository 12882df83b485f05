/** Read-only operations on what every account finds: regions, zones, network, images, instance types. */
import { ServiceError } from '../http/service-error.ts';
import type { XmlValue } from '../xml/write.ts';
import { arnOf, authorize, type Call, list, type Operation } from './call.ts';
import { INSTANCE_TYPES, REGIONS, type Subnet } from './catalog.ts';
import { filtered, page } from './filters.ts';
import { subnetById } from './lookup.ts';

export const describeRegions: Operation = (call) => {
  authorize(call);
  const names = call.parameters.list('RegionName');
  for (const name of names)
    if (!REGIONS.includes(name)) throw new ServiceError(400, 'InvalidParameterValue', `Invalid region name: ${name}`);
  const wanted = REGIONS.filter((name) => names.length === 0 || names.includes(name));
  const found = filtered(wanted, call.parameters, { 'region-name': (name) => name });
  return {
    regionInfo: list(
      found.map((regionName) => ({
        regionName,
        regionEndpoint: `ec2.${regionName}.amazonaws.com`,
        optInStatus: 'opt-in-not-required',
      })),
    ),
  };
};

export const describeAvailabilityZones: Operation = (call) => {
  authorize(call);
  const names = call.parameters.list('ZoneName');
  for (const name of names)
    if (!call.network.subnets.some((subnet) => subnet.zone === name))
      throw new ServiceError(400, 'InvalidParameterValue', `Invalid availability zone: [${name}]`);
  const wanted = call.network.subnets.filter((subnet) => names.length === 0 || names.includes(subnet.zone));
  const found = filtered(wanted, call.parameters, {
    'zone-name': (subnet) => subnet.zone,
    'zone-id': (subnet) => subnet.zoneId,
    state: () => 'available',
    'region-name': () => call.regionName,
    'opt-in-status': () => 'opt-in-not-required',
    'zone-type': () => 'availability-zone',
  });
  return {
    availabilityZoneInfo: list(
      found.map((subnet) => ({
        zoneName: subnet.zone,
        zoneId: subnet.zoneId,
        zoneState: 'available',
        regionName: call.regionName,
        zoneType: 'availability-zone',
        optInStatus: 'opt-in-not-required',
        groupName: call.regionName,
        networkBorderGroup: call.regionName,
        messageSet: list([]),
      })),
    ),
  };
};

export const describeVpcs: Operation = (call) => {
  authorize(call);
  const { network, parameters } = call;
  for (const id of parameters.list('VpcId'))
    if (id !== network.vpcId) throw new ServiceError(400, 'InvalidVpcID.NotFound', `The vpc ID '${id}' does not exist`);
  const found = filtered([network], parameters, {
    'vpc-id': () => network.vpcId,
    'is-default': () => 'true',
    isDefault: () => 'true',
    state: () => 'available',
    cidr: () => network.cidr,
  });
  return {
    vpcSet: list(
      found.map(() => ({
        vpcId: network.vpcId,
        ownerId: call.context.accountId,
        state: 'available',
        cidrBlock: network.cidr,
        instanceTenancy: 'default',
        isDefault: true,
        cidrBlockAssociationSet: list([{ cidrBlock: network.cidr, cidrBlockState: { state: 'associated' } }]),
        tagSet: list([]),
      })),
    ),
  };
};

export const describeSubnets: Operation = (call) => {
  authorize(call);
  const ids = call.parameters.list('SubnetId').map((id) => subnetById(call, id).id);
  const wanted = call.network.subnets.filter((subnet) => ids.length === 0 || ids.includes(subnet.id));
  const found = filtered(wanted, call.parameters, {
    'subnet-id': (subnet) => subnet.id,
    'vpc-id': () => call.network.vpcId,
    'availability-zone': (subnet) => subnet.zone,
    availabilityZone: (subnet) => subnet.zone,
    'availability-zone-id': (subnet) => subnet.zoneId,
    'default-for-az': () => 'true',
    defaultForAz: () => 'true',
    'map-public-ip-on-launch': () => 'true',
    state: () => 'available',
    'cidr-block': (subnet) => subnet.cidr,
  });
  return { subnetSet: list(found.map((subnet) => subnetXml(call, subnet))) };
};

function subnetXml(call: Call, subnet: Subnet): XmlValue {
  const used = Object.values(call.region.interfaces).filter((one) => one.subnetId === subnet.id).length;
  return {
    subnetId: subnet.id,
    subnetArn: arnOf(call, `subnet/${subnet.id}`),
    state: 'available',
    ownerId: call.context.accountId,
    vpcId: call.network.vpcId,
    cidrBlock: subnet.cidr,
    availableIpAddressCount: 4091 - used,
    availabilityZone: subnet.zone,
    availabilityZoneId: subnet.zoneId,
    defaultForAz: true,
    mapPublicIpOnLaunch: true,
    assignIpv6AddressOnCreation: false,
    tagSet: list([]),
  };
}

export const describeInstanceTypes: Operation = (call) => {
  authorize(call);
  const names = call.parameters.list('InstanceType');
  const unknown = names.filter((name) => !INSTANCE_TYPES.some((type) => type.name === name));
  if (unknown.length > 0)
    throw new ServiceError(
      400,
      'InvalidInstanceType',
      `The following supplied instance types do not exist: [${unknown.join(', ')}]`,
    );
  const wanted = INSTANCE_TYPES.filter((type) => names.length === 0 || names.includes(type.name));
  const found = filtered(wanted, call.parameters, {
    'instance-type': (type) => type.name,
    'processor-info.supported-architecture': (type) => type.architecture,
    'current-generation': () => 'true',
    'vcpu-info.default-vcpus': (type) => String(type.vcpus),
    'memory-info.size-in-mib': (type) => String(type.memoryMiB),
  });
  const { items, nextToken } = page(found, call.parameters);
  return {
    instanceTypeSet: list(
      items.map((type) => ({
        instanceType: type.name,
        currentGeneration: true,
        freeTierEligible: type.name === 't3.micro',
        supportedUsageClasses: list(['on-demand']),
        supportedRootDeviceTypes: list(['ebs']),
        supportedVirtualizationTypes: list(['hvm']),
        bareMetal: false,
        hypervisor: 'nitro',
        processorInfo: { supportedArchitectures: list([type.architecture]) },
        vCpuInfo: { defaultVCpus: type.vcpus },
        memoryInfo: { sizeInMiB: type.memoryMiB },
        instanceStorageSupported: false,
        networkInfo: { networkPerformance: type.network },
        burstablePerformanceSupported: type.name.startsWith('t'),
      })),
    ),
    nextToken,
  };
};
