/** Lists the objects of a repository in a bucket, or those of a selection. */
import type { S3Client } from '@aws-sdk/client-s3';
import { HostarkError } from '@hostark/protocol';
import { FETCH_ORDER, type FetchKind, parseKey, type RemoteObject } from './download-layout.ts';
import { type AskOptions, callOptions } from './run.ts';

/** What to fetch besides the keys and the config; names of objects, 64 hex digits each. */
export interface DownloadSelection {
  readonly packs: readonly string[];
  readonly snapshots: readonly string[];
}

export interface RepositoryListing {
  readonly lists: ReadonlyMap<FetchKind, readonly RemoteObject[]>;
  /** Requests sent, retries included. */
  readonly requests: number;
}

export interface ListedRepository {
  readonly bucket: string;
  /** Empty, or with a slash at its end. */
  readonly prefix: string;
  readonly only?: DownloadSelection | undefined;
}

/**
 * Snapshots are listed first: what they need is then in the later lists, even while backups go on. Throws
 * 'object-missing' when a selected object is not there, 'cloud-refused' for objects that S3 cannot read at once.
 */
export async function listRepository(
  s3: S3Client,
  { bucket, prefix, only }: ListedRepository,
  options: AskOptions,
): Promise<RepositoryListing> {
  const { paginateListObjectsV2 } = await import('@aws-sdk/client-s3');
  const lists = new Map<FetchKind, RemoteObject[]>();
  const selected = only === undefined ? null : selectionByKind(only);
  let requests = 0;
  for (const kind of [...FETCH_ORDER].reverse()) {
    const objects: RemoteObject[] = [];
    lists.set(kind, objects);
    const wanted = selected?.get(kind) ?? null;
    if (wanted !== null && wanted.size === 0) continue;
    const input = { Bucket: bucket, Prefix: `${prefix}${kind}/` };
    for await (const page of paginateListObjectsV2({ client: s3 }, input, callOptions(options))) {
      requests += page.$metadata.attempts ?? 1;
      for (const { Key, Size, StorageClass } of page.Contents ?? []) {
        const object = parseKey(Key ?? '', prefix, Size ?? 0, StorageClass);
        if (object === null || (wanted !== null && !wanted.delete(object.name))) continue;
        if (ASLEEP.has(object.storageClass)) throw asleep(bucket, object);
        objects.push(object);
      }
    }
    const [missing] = wanted ?? [];
    if (missing !== undefined) throw gone(bucket, kind, missing);
  }
  return { lists, requests };
}

/** Names still to be found; keys are always wanted, index files never. */
function selectionByKind({ packs, snapshots }: DownloadSelection): ReadonlyMap<FetchKind, Set<string>> {
  return new Map([
    ['data', new Set(packs)],
    ['snapshots', new Set(snapshots)],
    ['index', new Set<string>()],
  ]);
}

/** Objects of these classes must be brought back before they can be read. */
const ASLEEP: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE']);

function asleep(bucket: string, { key, storageClass }: RemoteObject): HostarkError {
  return new HostarkError('cloud-refused', `${key}: it is in ${storageClass} and cannot be read at once`, {
    hint: `restore the objects of that class first (aws s3api restore-object, or S3 Batch Operations), then run this again`,
    context: { bucket, object: key, storageClass },
  });
}

function gone(bucket: string, kind: FetchKind, name: string): HostarkError {
  return new HostarkError('object-missing', `${kind}/${name}: it is needed and not in the bucket`, {
    hint: 'run `hostark check` on the repository',
    context: { bucket, object: `${kind}/${name}` },
  });
}
