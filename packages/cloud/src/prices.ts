/**
 * What things cost, from one data file with its date and source. Pure. The file knows one region: for others the
 * answer is null, and a plan says that it does not know rather than guess.
 */
import table from './prices.json' with { type: 'json' };

export const STORAGE_CLASSES = ['STANDARD', 'STANDARD_IA', 'GLACIER_IR', 'DEEP_ARCHIVE'] as const;
export type StorageClass = (typeof STORAGE_CLASSES)[number];

export interface HostPrice {
  /** Dollars; null when the price file does not know the type or the region. */
  readonly instanceHourly: number | null;
  readonly volumeMonthly: number | null;
  readonly addressHourly: number | null;
  readonly asOf: string;
  readonly source: string;
}

export function hostPrice(host: {
  readonly region: string;
  readonly instanceType: string;
  readonly volumeGiB: number;
}): HostPrice {
  const known = host.region === table.region;
  const hourly = (table.instanceHourly as Readonly<Record<string, number>>)[host.instanceType];
  return {
    instanceHourly: known ? (hourly ?? null) : null,
    volumeMonthly: known ? table.volumeGibMonth.gp3 * host.volumeGiB : null,
    addressHourly: known ? table.publicAddressHourly : null,
    asOf: table.asOf,
    source: table.source,
  };
}

/** Dollars a month for stored bytes; null when the region is not in the file. S3 counts in GB of 2^30 bytes. */
export function storageMonthly(region: string, storage: StorageClass, bytes: number): number | null {
  return region === table.region ? (bytes / 2 ** 30) * table.storage[storage].gbMonth : null;
}

/** Dollars for getting bytes out of S3 to a machine outside AWS, with one request per object. */
export function downloadCost(region: string, storage: StorageClass, bytes: number, objects: number): number | null {
  if (region !== table.region) return null;
  return (bytes / 2 ** 30) * table.egressGb + (objects / 1000) * table.storage[storage].getPer1000;
}

/** Where the prices come from, for plans that print them. */
export function priceSource(): { readonly asOf: string; readonly source: string } {
  return { asOf: table.asOf, source: table.source };
}

/** Dollars per request and the shortest time that a class is charged for; null when the region is not in the file. */
export function storageRates(
  region: string,
  storage: StorageClass,
): { readonly putPer1000: number; readonly getPer1000: number; readonly minimumDays: number } | null {
  if (region !== table.region) return null;
  const { putPer1000, getPer1000, minimumDays } = table.storage[storage];
  return { putPer1000, getPer1000, minimumDays };
}
