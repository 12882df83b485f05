/**
 * What things cost, from one data file with its date and source. Pure. The file knows one region: for others the
 * answer is null, and a plan says that it does not know rather than guess.
 */
import table from './prices.json' with { type: 'json' };

export const STORAGE_CLASSES = ['STANDARD', 'STANDARD_IA', 'GLACIER_IR', 'DEEP_ARCHIVE'] as const;
export type StorageClass = (typeof STORAGE_CLASSES)[number];

/** Hours in a month, as AWS's own calculators count: 365 days in 12 parts. */
const MONTH_HOURS = 730;

/** One thing that a host is charged for, in dollars; null when the price file does not know the type or the region. */
export interface PricePart {
  readonly what: string;
  readonly hourly: number | null;
  readonly monthly: number | null;
}

export interface HostPrice {
  readonly parts: readonly PricePart[];
  /** Of the parts that are known; `complete` says whether that is all of them. */
  readonly hourly: number;
  readonly monthly: number;
  readonly complete: boolean;
  readonly asOf: string;
  readonly source: string;
}

export interface PricedHost {
  readonly region: string;
  readonly instanceType: string;
  readonly volumes: readonly { readonly sizeGiB: number; readonly type: string }[];
  /** Public IPv4 addresses, elastic or not: they cost the same while they are in use. */
  readonly addresses: number;
  /** Spot prices change by the hour: not known. */
  readonly spot?: boolean;
}

/** What a host costs while it runs; without traffic, requests, and what it stores in the bucket. */
export function hostPrice(host: PricedHost): HostPrice {
  const known = host.region === table.region;
  const lookup = (rates: Readonly<Record<string, number>>, name: string): number | null =>
    known ? (rates[name] ?? null) : null;
  const byHour = (what: string, hourly: number | null): PricePart => ({
    what,
    hourly,
    monthly: hourly === null ? null : hourly * MONTH_HOURS,
  });
  const byMonth = (what: string, monthly: number | null): PricePart => ({
    what,
    hourly: monthly === null ? null : monthly / MONTH_HOURS,
    monthly,
  });
  const { instanceType, spot = false } = host;
  const parts = [
    byHour(
      spot ? `instance ${instanceType}, spot` : `instance ${instanceType}`,
      spot ? null : lookup(table.instanceHourly, instanceType),
    ),
    ...host.volumes.map(({ sizeGiB, type }) => {
      const rate = lookup(table.volumeGibMonth, type);
      return byMonth(`volume ${sizeGiB} GiB ${type}`, rate === null ? null : rate * sizeGiB);
    }),
    ...Array.from({ length: host.addresses }, () => byHour('public address', known ? table.publicAddressHourly : null)),
  ];
  return {
    parts,
    hourly: parts.reduce((sum, part) => sum + (part.hourly ?? 0), 0),
    monthly: parts.reduce((sum, part) => sum + (part.monthly ?? 0), 0),
    complete: parts.every((part) => part.monthly !== null),
    ...priceSource(),
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
