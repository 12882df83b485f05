/** What a bucket costs a month at given sizes, and what to know about its class. Pure. */
import type { BucketClass } from './bucket-lifecycle.ts';
import { isLoopback } from './endpoint.ts';
import { priceSource, type StorageClass, storageMonthly, storageRates } from './prices.ts';

export interface BucketPrice {
  readonly storageClass: BucketClass;
  /** Dollars a month for so many GiB (2^30 bytes) of stored bytes; null where the price file does not know. */
  readonly monthly: readonly { readonly gib: number; readonly dollars: number | null }[];
  readonly putPer1000: number | null;
  readonly getPer1000: number | null;
  readonly asOf: string;
  readonly source: string;
}

/** Sizes that a plan prices unless told others, in GiB. */
const USUAL_SIZES: readonly number[] = [10, 100, 1000];

/** Prices a bucket. An endpoint that is neither AWS's nor a sandbox has prices of its own, which nobody here knows. */
export function bucketPrice(bucket: {
  readonly region: string;
  readonly endpoint: string | null;
  readonly storageClass: BucketClass;
  readonly sizesGib?: readonly number[];
}): BucketPrice {
  const known = bucket.endpoint === null || isLoopback(bucket.endpoint) ? pricedClass(bucket.storageClass) : null;
  const rates = known === null ? null : storageRates(bucket.region, known);
  return {
    storageClass: bucket.storageClass,
    monthly: (bucket.sizesGib ?? USUAL_SIZES).map((gib) => ({
      gib,
      dollars: known === null ? null : storageMonthly(bucket.region, known, gib * 2 ** 30),
    })),
    putPer1000: rates?.putPer1000 ?? null,
    getPer1000: rates?.getPer1000 ?? null,
    ...priceSource(),
  };
}

function pricedClass(storageClass: BucketClass): StorageClass | null {
  return storageClass === 'INTELLIGENT_TIERING' ? null : storageClass;
}

/** What surprises people about a class: shortest time charged, smallest object charged, retrieval. Empty for Standard. */
export function classWarnings(region: string, storageClass: BucketClass): string[] {
  if (storageClass === 'STANDARD') return [];
  if (storageClass === 'INTELLIGENT_TIERING') {
    return ['INTELLIGENT_TIERING charges a monthly fee for each object it watches; that price is not known here'];
  }
  const rates = storageRates(region, storageClass);
  const days = rates?.minimumDays ?? (storageClass === 'GLACIER_IR' ? 90 : 30);
  const move = rates === null ? 'not known for this region' : `$${rates.putPer1000} per 1,000 objects`;
  return [
    `${storageClass}: an object is charged for ${days} days even when it is deleted or replaced before`,
    `${storageClass}: moving an object into the class costs ${move}; reading from it costs a fee for each GB, not known here`,
  ];
}
