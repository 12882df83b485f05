/** Read-only operations on what every account finds: regions and zones. */
import { ServiceError } from '../http/service-error.ts';
import { authorize, list, type Operation } from './call.ts';
import { REGIONS } from './catalog.ts';
import { filtered } from './filters.ts';

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
