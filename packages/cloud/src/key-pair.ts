/** The key pair that EC2 puts on a host: we make it, EC2 gets the public half. */
import { unless } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import type { Wanted } from './ensure.ts';
import { type AskOptions, callOptions } from './run.ts';
import { awsTags, TAG_LEDGER } from './tags.ts';

export function keyPairOf(
  clients: AwsClients,
  host: string,
  name: string,
  publicKey: string,
  options: AskOptions,
): Wanted {
  return {
    kind: 'key-pair',
    name,
    host,
    find: (entry) => findKeyPair(clients, entry.id),
    async create(entry) {
      const { ImportKeyPairCommand } = await import('@aws-sdk/client-ec2');
      const ec2 = await clients.ec2();
      const input = {
        KeyName: name,
        PublicKeyMaterial: Buffer.from(publicKey),
        TagSpecifications: [{ ResourceType: 'key-pair' as const, Tags: awsTags(entry.tags, name) }],
      };
      return (await ec2.send(new ImportKeyPairCommand(input), callOptions(options))).KeyPairId ?? name;
    },
  };
}

export async function findKeyPair(clients: AwsClients, ledgerId: string): Promise<string | null> {
  const { DescribeKeyPairsCommand } = await import('@aws-sdk/client-ec2');
  const call = (await clients.ec2()).send(
    new DescribeKeyPairsCommand({ Filters: [{ Name: `tag:${TAG_LEDGER}`, Values: [ledgerId] }] }),
  );
  return (await unless(call, 'InvalidKeyPair.NotFound'))?.KeyPairs?.[0]?.KeyPairId ?? null;
}
