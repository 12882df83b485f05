/** Finds where an existing bucket is. */
import type { S3Client } from '@aws-sdk/client-s3';
import { HostarkError } from '@hostark/protocol';
import { awsStatus, redirectRegion } from './aws-error.ts';
import { checkBucketName } from './bucket-name.ts';
import type { AwsClients } from './clients.ts';
import { type AskOptions, callOptions } from './run.ts';

/** Returns the region where the bucket is. Throws 'no-repository' when there is no such bucket. */
export async function locateBucket(clients: AwsClients, bucket: string): Promise<string> {
  const { HeadBucketCommand } = await import('@aws-sdk/client-s3');
  const s3 = await clients.s3();
  try {
    return (await s3.send(new HeadBucketCommand({ Bucket: bucket }))).BucketRegion ?? clients.region;
  } catch (error) {
    const region = redirectRegion(error);
    if (region !== null && region !== clients.region) return region;
    if (awsStatus(error) !== 404) throw error;
    throw new HostarkError('no-repository', `bucket ${bucket}: there is none`, {
      hint: 'check the name and the account',
      cause: error,
    });
  }
}

/** Returns a client for the region where the bucket is. Throws 'no-repository' when there is no such bucket. */
export async function clientForBucket(clients: AwsClients, bucket: string): Promise<S3Client> {
  return await clients.s3(await locateBucket(clients, bucket));
}

/** Returns the region of a bucket that a host is to back up into, whichever it is. Throws 'usage' when there is none. */
export async function regionOfBucket(clients: AwsClients, name: string, options: AskOptions = {}): Promise<string> {
  checkBucketName(name);
  const { HeadBucketCommand } = await import('@aws-sdk/client-s3');
  const s3 = await clients.s3();
  try {
    const found = await s3.send(new HeadBucketCommand({ Bucket: name }), callOptions(options));
    return found.BucketRegion ?? clients.region;
  } catch (cause) {
    const region = redirectRegion(cause);
    if (region !== null) return region;
    if (awsStatus(cause) !== 404) throw cause;
    throw new HostarkError('usage', `bucket ${name}: there is none`, {
      hint: `create it first: hostark bucket create ${name}`,
      cause,
    });
  }
}
