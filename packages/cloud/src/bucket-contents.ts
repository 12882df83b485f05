/** Counts what a bucket holds by listing it. */
import { clientForBucket } from './bucket-client.ts';
import type { AwsClients } from './clients.ts';
import type { AskOptions } from './run.ts';

export interface BucketContents {
  /** Current objects below the prefix. */
  readonly objects: number;
  readonly bytes: number;
  /** Names below `hosts/`, whatever the prefix. */
  readonly hosts: readonly string[];
}

/** Counts the current objects below a prefix: one request per 1,000. */
export async function showBucket(
  clients: AwsClients,
  bucket: { readonly name: string; readonly prefix?: string },
  options: AskOptions = {},
): Promise<BucketContents> {
  const { paginateListObjectsV2 } = await import('@aws-sdk/client-s3');
  const client = await clientForBucket(clients, bucket.name);
  const call = { ...(options.signal === undefined ? {} : { abortSignal: options.signal }) };
  let objects = 0;
  let bytes = 0;
  const input = { Bucket: bucket.name, Prefix: bucket.prefix ?? '' };
  for await (const page of paginateListObjectsV2({ client }, input, call)) {
    for (const object of page.Contents ?? []) {
      objects++;
      bytes += object.Size ?? 0;
    }
  }
  const hosts: string[] = [];
  const below = { Bucket: bucket.name, Prefix: 'hosts/', Delimiter: '/' };
  for await (const page of paginateListObjectsV2({ client }, below, call)) {
    for (const { Prefix } of page.CommonPrefixes ?? [])
      if (Prefix !== undefined) hosts.push(Prefix.slice('hosts/'.length, -1));
  }
  return { objects, bytes, hosts };
}
