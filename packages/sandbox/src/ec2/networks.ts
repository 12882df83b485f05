/** The networks of a region: the default one that every account finds, then those that were made. */
import { ServiceError } from '../http/service-error.ts';
import type { Call } from './call.ts';
import type { Subnet } from './catalog.ts';
import type { Tags } from './model.ts';

export interface Vpc {
  readonly id: string;
  readonly cidr: string;
  readonly isDefault: boolean;
  readonly tags: Readonly<Tags>;
}

type Where = Pick<Call, 'network' | 'region'>;

export function vpcsOf({ network, region }: Where): Vpc[] {
  return [
    { id: network.vpcId, cidr: network.cidr, isDefault: true, tags: {} },
    ...Object.values(region.vpcs).map(({ id, cidr, tags }) => ({ id, cidr, tags, isDefault: false })),
  ];
}

export function subnetsOf({ network, region }: Where): Subnet[] {
  const zoneId = (zone: string): string => network.subnets.find((one) => one.zone === zone)?.zoneId ?? '';
  return [
    ...network.subnets,
    ...Object.values(region.subnets).map((record) => ({ ...record, zoneId: zoneId(record.zone) })),
  ];
}

/** Throws InvalidVpcID.NotFound. */
export function vpcById(call: Where, id: string): Vpc {
  const vpc = vpcsOf(call).find((one) => one.id === id);
  if (vpc === undefined) throw new ServiceError(400, 'InvalidVpcID.NotFound', `The vpc ID '${id}' does not exist`);
  return vpc;
}

/** The network that a subnet of an existing resource belongs to. */
export function vpcIdOf(call: Where, subnetId: string): string {
  return subnetsOf(call).find((one) => one.id === subnetId)?.vpcId ?? call.network.vpcId;
}

/** The internet gateway of a network, or null. The default network always has one. */
export function gatewayOf({ network, region }: Where, vpcId: string): string | null {
  if (vpcId === network.vpcId) return network.gatewayId;
  return Object.values(region.gateways).find((one) => one.vpcId === vpcId)?.id ?? null;
}

/** Id of the main route table, which has no record of its own. */
export function mainRouteTable(vpcId: string): string {
  return vpcId.replace(/^vpc-/, 'rtb-');
}
