/** What a download will fetch, ask and cost; reads the bucket's lists and the folder, changes nothing. */
import { join } from 'node:path';
import { locateBucket } from './bucket-client.ts';
import type { AwsClients } from './clients.ts';
import { type DownloadSource, repositoryPrefix } from './download.ts';
import { expectRoom, sizeOf } from './download-files.ts';
import type { RemoteObject } from './download-layout.ts';
import { listRepository } from './download-list.ts';
import { isLoopback } from './endpoint.ts';
import { downloadCost, priceSource, STORAGE_CLASSES } from './prices.ts';
import type { AskOptions } from './run.ts';

export interface DownloadPlan {
  readonly kind: 'download';
  readonly bucket: string;
  readonly region: string;
  readonly prefix: string;
  readonly directory: string;
  /** To be fetched, the config included; its few bytes are not counted. */
  readonly objects: number;
  readonly bytes: number;
  /** There already, of the right size. */
  readonly kept: number;
  readonly keptBytes: number;
  /** Requests to S3, about: one for each object, and the lists. */
  readonly requests: number;
  readonly price: DownloadPrice;
}

export interface DownloadPrice {
  /** Dollars for requests and for the way out of AWS to the Internet; null when the price file does not know. */
  readonly dollars: number | null;
  /** What the number leaves out. */
  readonly notes: readonly string[];
  readonly asOf: string;
  readonly source: string;
}

/**
 * Throws 'target-unusable' and 'disk-full' before anything is fetched, and what listing throws: 'no-repository' for a
 * bucket that is not there, 'object-missing', 'cloud-refused'.
 */
export async function planDownload(
  clients: AwsClients,
  source: DownloadSource,
  options: AskOptions = {},
): Promise<DownloadPlan> {
  const { bucket, directory, only } = source;
  await expectRoom(directory, 0);
  const region = await locateBucket(clients, bucket);
  const prefix = repositoryPrefix(source.prefix);
  const { lists, requests } = await listRepository(await clients.s3(region), { bucket, prefix, only }, options);
  const wanted: RemoteObject[] = [];
  const total = { objects: 1, bytes: 0, kept: 0, keptBytes: 0 };
  for (const object of [...lists.values()].flat()) {
    if ((await sizeOf(join(directory, object.path))) === object.bytes) {
      total.kept++;
      total.keptBytes += object.bytes;
    } else {
      total.objects++;
      total.bytes += object.bytes;
      wanted.push(object);
    }
  }
  await expectRoom(directory, total.bytes);
  return {
    kind: 'download',
    ...{ bucket, region, prefix, directory, ...total },
    requests: requests + total.objects,
    price: downloadPrice(region, clients.endpoint, wanted),
  };
}

function downloadPrice(region: string, endpoint: string | null, objects: readonly RemoteObject[]): DownloadPrice {
  const classes = new Set(objects.map(({ storageClass }) => storageClass));
  let dollars: number | null = endpoint === null || isLoopback(endpoint) ? 0 : null;
  const notes = ['free of egress to a machine in the same AWS region'];
  for (const name of classes) {
    const members = objects.filter(({ storageClass }) => storageClass === name);
    const known = STORAGE_CLASSES.find((one) => one === name);
    const bytes = members.reduce((sum, object) => sum + object.bytes, 0);
    const cost = known === undefined ? null : downloadCost(region, known, bytes, members.length);
    dollars = dollars === null || cost === null ? null : dollars + cost;
    if (name !== 'STANDARD') notes.push(`${name}: a fee for each GB read comes on top, not known here`);
  }
  return { dollars, notes, ...priceSource() };
}
