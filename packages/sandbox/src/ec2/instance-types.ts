/** Instance types: what they are, and where they are offered. */
import { ServiceError } from '../http/service-error.ts';
import { authorize, list, type Operation } from './call.ts';
import { INSTANCE_TYPES } from './catalog.ts';
import { filtered, page } from './filters.ts';

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
    'supported-usage-class': () => ['on-demand', 'spot'],
    'memory-info.size-in-mib': (type) => String(type.memoryMiB),
  });
  const { items, nextToken } = page(found, call.parameters);
  return {
    instanceTypeSet: list(
      items.map((type) => ({
        instanceType: type.name,
        currentGeneration: true,
        freeTierEligible: type.name === 't3.micro',
        supportedUsageClasses: list(['on-demand', 'spot']),
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

/** Every type is offered everywhere, but where the capacity switch says that a zone does not have it. */
export const describeInstanceTypeOfferings: Operation = (call) => {
  authorize(call);
  const { parameters, network } = call;
  const locationType = parameters.get('LocationType') ?? 'region';
  const locations: Readonly<Record<string, readonly (readonly [name: string, zone: string])[]>> = {
    region: [[call.regionName, '']],
    'availability-zone': network.subnets.map(({ zone }) => [zone, zone]),
    'availability-zone-id': network.subnets.map(({ zone, zoneId }) => [zoneId, zone]),
  };
  const places = locations[locationType];
  if (places === undefined)
    throw new ServiceError(
      400,
      'InvalidParameterValue',
      `Value (${locationType}) for parameter locationType is invalid. Expected one of ${Object.keys(locations).join(', ')}`,
    );
  const rows = INSTANCE_TYPES.flatMap((type) =>
    places
      .filter(([, zone]) => call.capacity.against(type.name, zone) !== 'offering')
      .map(([location]) => ({ instanceType: type.name, location })),
  );
  const found = filtered(rows, parameters, {
    location: (row) => row.location,
    'instance-type': (row) => row.instanceType,
  });
  const { items, nextToken } = page(found, parameters);
  return { instanceTypeOfferingSet: list(items.map((row) => ({ ...row, locationType }))), nextToken };
};
