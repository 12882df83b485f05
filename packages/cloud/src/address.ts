/** An elastic address: allocated on the ledger, tied to the host's instance, released with it. */
import { unless } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import type { Wanted } from './ensure.ts';
import { describeInstance } from './instance.ts';
import { type AskOptions, callOptions } from './run.ts';
import { awsTags, TAG_LEDGER } from './tags.ts';
import { until } from './wait.ts';

export function addressOfHost(clients: AwsClients, host: string, options: AskOptions): Wanted {
  const name = `hostark-${host}`;
  return {
    kind: 'address',
    name,
    host,
    find: (entry) => findAddress(clients, entry.id),
    async create(entry) {
      const { AllocateAddressCommand } = await import('@aws-sdk/client-ec2');
      const ec2 = await clients.ec2();
      const input = {
        Domain: 'vpc' as const,
        TagSpecifications: [{ ResourceType: 'elastic-ip' as const, Tags: awsTags(entry.tags, name) }],
      };
      // The call has no client token: after a lost answer the SDK's repetition makes a second one, which cleanup finds.
      return (await ec2.send(new AllocateAddressCommand(input), callOptions(options))).AllocationId ?? '';
    },
  };
}

async function findAddress(clients: AwsClients, ledgerId: string): Promise<string | null> {
  const { DescribeAddressesCommand } = await import('@aws-sdk/client-ec2');
  const input = { Filters: [{ Name: `tag:${TAG_LEDGER}`, Values: [ledgerId] }] };
  return (await (await clients.ec2()).send(new DescribeAddressesCommand(input))).Addresses?.[0]?.AllocationId ?? null;
}

/** Ties the address to the instance; resolves when the instance shows it. May be repeated. */
export async function tieAddress(
  clients: AwsClients,
  AllocationId: string,
  InstanceId: string,
  options: AskOptions,
): Promise<void> {
  const { AssociateAddressCommand, DescribeAddressesCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const look = async (): Promise<{ readonly ip: string; readonly instance: string | null } | null> => {
    const call = ec2.send(new DescribeAddressesCommand({ AllocationIds: [AllocationId] }), callOptions(options));
    const [address] = (await unless(call, 'InvalidAllocationID.NotFound', 'InvalidAddress.NotFound'))?.Addresses ?? [];
    return address?.PublicIp === undefined ? null : { ip: address.PublicIp, instance: address.InstanceId ?? null };
  };
  const waiting = { budgetMs: 120_000, signal: options.signal };
  const { ip, instance } = await until(look, { ...waiting, what: `address ${AllocationId}` });
  if (instance !== InstanceId) {
    const input = { AllocationId, InstanceId, AllowReassociation: true };
    await ec2.send(new AssociateAddressCommand(input), callOptions(options));
  }
  const shown = async (): Promise<true | null> =>
    (await describeInstance(clients, InstanceId, options))?.PublicIpAddress === ip ||
    (await look())?.instance === InstanceId
      ? true
      : null;
  await until(shown, { ...waiting, what: `${InstanceId} to have the address ${ip}` });
}
