/** The KMS key that a bucket encrypts with: whoever reads and writes there must be allowed to use it. */
import { choicesOf } from './bucket-choices.ts';
import type { PolicyStatement } from './bucket-policy.ts';
import type { AwsClients } from './clients.ts';

/** Returns the ARN of the bucket's key or of its alias; null for S3's own encryption, and where nobody may look. */
export async function bucketKeyArn(clients: AwsClients, bucket: string, region: string): Promise<string | null> {
  const { kmsKey } = await choicesOf(clients, bucket, region);
  if (kmsKey === undefined || kmsKey.startsWith('arn:')) return kmsKey ?? null;
  const { account } = await clients.caller();
  const name = kmsKey.startsWith('alias/') ? kmsKey : `key/${kmsKey}`;
  return `arn:${clients.partition}:kms:${region}:${account}:${name}`;
}

/** The statement that lets a role use the key. KMS knows keys as resources, their aliases only in a condition. */
export function useKey(arn: string): PolicyStatement {
  const statement = { Sid: 'UseKey', Effect: 'Allow', Action: ['kms:GenerateDataKey', 'kms:Decrypt'] } as const;
  const [, place, alias] = /^(.*):(alias\/.+)$/.exec(arn) ?? [];
  if (place === undefined || alias === undefined) return { ...statement, Resource: arn };
  return {
    ...statement,
    Resource: `${place}:key/*`,
    Condition: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': alias } },
  };
}
