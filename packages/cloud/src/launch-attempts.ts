/** What a launch tries, in order, while EC2 has no machine left: other zones of the VPC first, then types of the same size. */
import type { _InstanceType, Subnet } from '@aws-sdk/client-ec2';
import { awsCode } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { type AskOptions, callOptions } from './run.ts';

export interface LaunchAttempt {
  readonly instanceType: string;
  readonly subnet: string;
  readonly zone: string;
}

/** Families that stand in for each other: same architecture, same memory for each CPU, nearly the same price. */
const SIBLINGS: readonly (readonly string[])[] = [
  ['t3', 't3a'],
  ['m7i', 'm7a', 'm6i', 'm6a'],
  ['c7i', 'c7a', 'c6i', 'c6a'],
  ['r7i', 'r7a', 'r6i', 'r6a'],
  ['m7g', 'm6g'],
  ['c7g', 'c6g'],
  ['r7g', 'r6g'],
];

/** Pure. Other types of the same size, best first; the type itself is not among them. */
export function siblingTypes(instanceType: string): readonly string[] {
  const [family = '', size = ''] = instanceType.split('.');
  const group = SIBLINGS.find((families) => families.includes(family)) ?? [];
  return group.filter((one) => one !== family).map((one) => `${one}.${size}`);
}

/**
 * The attempts of a launch, the wanted one first. A subnet or a zone that was named is the only one; types that the region
 * or a zone does not offer are left out, as far as AWS tells.
 */
export async function planAttempts(
  clients: AwsClients,
  wanted: LaunchAttempt,
  others: readonly Subnet[],
  options: AskOptions,
): Promise<readonly LaunchAttempt[]> {
  const places = [
    { subnet: wanted.subnet, zone: wanted.zone },
    ...others.map((subnet) => ({ subnet: subnet.SubnetId ?? '', zone: subnet.AvailabilityZone ?? '' })),
  ];
  const siblings = siblingTypes(wanted.instanceType);
  const offered = await offerings(clients, [wanted.instanceType, ...siblings], options);
  return [wanted.instanceType, ...siblings].flatMap((instanceType) =>
    places
      .map((place) => ({ instanceType, ...place }))
      .filter((one) =>
        offered === null ? one.instanceType === wanted.instanceType : offered.has(`${one.instanceType} ${one.zone}`),
      ),
  );
}

/** `TYPE ZONE` for all that EC2 offers; null when the endpoint or the caller's rights do not tell. */
async function offerings(
  clients: AwsClients,
  types: readonly string[],
  options: AskOptions,
): Promise<ReadonlySet<string> | null> {
  const { DescribeInstanceTypeOfferingsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const input = {
    LocationType: 'availability-zone' as const,
    Filters: [{ Name: 'instance-type', Values: [...types] as _InstanceType[] }],
  };
  try {
    const answer = await ec2.send(new DescribeInstanceTypeOfferingsCommand(input), callOptions(options));
    return new Set(
      (answer.InstanceTypeOfferings ?? []).map(({ InstanceType, Location }) => `${InstanceType} ${Location}`),
    );
  } catch (error) {
    if (['InvalidAction', 'UnauthorizedOperation'].includes(awsCode(error))) return null;
    throw error;
  }
}

/** EC2 "Error codes": another zone, another type, or a later time may do. */
const NO_CAPACITY = [
  'InsufficientInstanceCapacity',
  'InsufficientHostCapacity',
  'InsufficientCapacity',
  'InsufficientFreeAddressesInSubnet',
  'SpotMaxPriceTooLow',
  'Unsupported', // the zone does not have the type
];

/** Whether EC2 refused for want of a machine: then nothing was created. */
export function isCapacity(error: unknown): boolean {
  return NO_CAPACITY.includes(awsCode(error));
}
