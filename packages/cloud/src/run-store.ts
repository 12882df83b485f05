/**
 * What a bucket carries between an operator and a host beside its repository: agents, by the hash of their archive, and
 * the objects of runs. Objects are created, never overwritten; a host may create its answers and nothing else.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { HostarkError, type SsmStore } from '@hostark/protocol';
import { awsStatus } from './aws-error.ts';
import { clientForBucket } from './bucket-client.ts';
import type { AwsClients } from './clients.ts';
import { presignGet } from './presign.ts';

/** Where agents lie in a bucket: beside the hosts' prefixes, so that no host's role may create there. */
export const AGENTS_PREFIX = 'agents/';
/** Where runs lie below a host's prefix. The host's role may create below `runs/<run>/out/` alone. */
export const RUNS_PREFIX = 'runs/';

/** A part is held in memory; ours have some 4 MiB. */
const PART_LIMIT_BYTES = 33_554_432;

/** Opens the operator's store of a bucket; asks where the bucket is. Throws 'no-repository' when there is none. */
export async function openRunStore(clients: AwsClients, bucket: string, prefix: string): Promise<SsmStore> {
  return runStore(clients, await clientForBucket(clients, bucket), bucket, prefix);
}

/** Opens a host's own store: the region is told, since a host may not ask everything. */
export async function hostRunStore(
  clients: AwsClients,
  place: { readonly bucket: string; readonly prefix: string; readonly region: string },
): Promise<SsmStore> {
  return runStore(clients, await clients.s3(place.region), place.bucket, place.prefix);
}

async function runStore(clients: AwsClients, s3: S3Client, bucket: string, prefix: string): Promise<SsmStore> {
  const sdk = await import('@aws-sdk/client-s3');
  const region = await s3.config.region();
  const Bucket = bucket;
  const agentKey = (sha256: string): string => `${AGENTS_PREFIX}${sha256}.tar.gz`;
  const abort = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { abortSignal: signal });
  const create = async (Key: string, Body: Uint8Array, signal?: AbortSignal): Promise<void> => {
    const ChecksumSHA256 = createHash('sha256').update(Body).digest('base64');
    const input = { Bucket, Key, Body, ContentLength: Body.length, ChecksumSHA256, IfNoneMatch: '*' };
    try {
      await s3.send(new sdk.PutObjectCommand(input), abort(signal));
    } catch (error) {
      if (awsStatus(error) !== 412) throw error; // there already: a repeated attempt of ours
    }
  };
  return {
    bucket,
    region,
    endpoint: clients.endpoint,
    prefix,
    async keepAgent(sha256, file, signal) {
      try {
        await s3.send(new sdk.HeadObjectCommand({ Bucket, Key: agentKey(sha256) }), abort(signal));
        return { sent: false };
      } catch (error) {
        if (awsStatus(error) !== 404) throw error;
      }
      await create(agentKey(sha256), await readFile(file), signal);
      return { sent: true };
    },
    async agentUrl(sha256, seconds) {
      const credentials = await s3.config.credentials();
      const url = objectUrl(clients, bucket, region, agentKey(sha256));
      return presignGet({ url, region, credentials, seconds, now: new Date() });
    },
    run(run) {
      const place = `${prefix}${RUNS_PREFIX}${run}/`;
      return {
        put: (name, bytes, signal) => create(place + name, bytes, signal),
        async get(name, signal) {
          const input = { Bucket, Key: place + name };
          const { Body, ContentLength = 0 } = await s3.send(new sdk.GetObjectCommand(input), abort(signal));
          if (ContentLength > PART_LIMIT_BYTES) {
            (Body as { destroy?(): void } | undefined)?.destroy?.();
            throw tooLarge(input.Key, ContentLength);
          }
          return (await Body?.transformToByteArray()) ?? new Uint8Array();
        },
        async list(start, after, signal) {
          const StartAfter = after === '' ? {} : { StartAfter: place + after };
          const input = { Bucket, Prefix: place + start, ...StartAfter };
          const { Contents = [] } = await s3.send(new sdk.ListObjectsV2Command(input), abort(signal));
          return Contents.map(({ Key = '' }) => Key.slice(place.length));
        },
      };
    },
    async forget(run) {
      const Prefix = `${prefix}${RUNS_PREFIX}${run}/`;
      await removeVersions(s3, Bucket, Prefix).catch(() => removeNewest(s3, Bucket, Prefix).catch(() => {}));
    },
    async runs(signal) {
      const Prefix = prefix + RUNS_PREFIX;
      const found = await s3.send(new sdk.ListObjectsV2Command({ Bucket, Prefix, Delimiter: '/' }), abort(signal));
      return (found.CommonPrefixes ?? []).map((one) => (one.Prefix ?? '').slice(Prefix.length, -1));
    },
  };
}

function tooLarge(object: string, bytes: number): HostarkError {
  return new HostarkError('agent-failed', `${object}: expected at most ${PART_LIMIT_BYTES} bytes, found ${bytes}`, {
    hint: 'no run of ours writes such an object; find out who may write there, then run the command again',
    context: { object, bytes },
  });
}

/** Takes the objects away with their history; refused to operators who may not delete versions. */
async function removeVersions(s3: S3Client, Bucket: string, Prefix: string): Promise<void> {
  const { ListObjectVersionsCommand, DeleteObjectsCommand } = await import('@aws-sdk/client-s3');
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix }));
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
    if (Objects.length === 0) return;
    const { Errors = [] } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
    if (Errors.length > 0) throw new Error(Errors[0]?.Message ?? 'not deleted');
  }
}

async function removeNewest(s3: S3Client, Bucket: string, Prefix: string): Promise<void> {
  const { ListObjectsV2Command, DeleteObjectsCommand } = await import('@aws-sdk/client-s3');
  for (;;) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix }));
    if (Contents.length === 0) return;
    const Objects = Contents.map(({ Key }) => ({ Key }));
    const { Errors = [] } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
    if (Errors.length > 0) return;
  }
}

/** S3 "Virtual hosting of buckets"; a name with dots fits no certificate, so its bucket goes into the path. */
function objectUrl({ endpoint, partition }: AwsClients, bucket: string, region: string, key: string): URL {
  const path = key.split('/').map(encodeURIComponent).join('/');
  if (endpoint !== null) return new URL(`${endpoint.replace(/\/$/, '')}/${bucket}/${path}`);
  const domain = `s3.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`;
  return new URL(bucket.includes('.') ? `https://${domain}/${bucket}/${path}` : `https://${bucket}.${domain}/${path}`);
}
