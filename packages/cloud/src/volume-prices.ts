/**
 * What volumes and their snapshots cost, from the one price file. EBS charges a snapshot for the blocks that it holds
 * and its predecessors lack, which nobody tells beforehand: all figures are upper bounds. Null where the file does not
 * know the region or the type. Pure.
 */
import table from './prices.json' with { type: 'json' };

export interface VolumePrice {
  /** Dollars a month at most; null when not known. */
  readonly monthly: number | null;
  /** Dollars once, for what leaves a region; null when not known, 0 when nothing does. */
  readonly once: number | null;
  readonly asOf: string;
  readonly source: string;
}

interface Held {
  readonly region: string;
  readonly sizeGiB: number;
  readonly bytes?: number | null;
}

/** Dollars a month for a snapshot, by what it holds in full, or else by the size of its volume. */
export function snapshotMonthly({ region, sizeGiB, bytes }: Held): number | null {
  if (region !== table.region) return null;
  return gib({ sizeGiB, bytes: bytes ?? null }) * table.snapshotGbMonth;
}

/** Snapshots that lie in `region`, some of them `sent` there from another one (whose rate counts). */
export function snapshotsPrice(
  region: string,
  held: readonly Omit<Held, 'region'>[],
  sent: { readonly from: string } | null,
): VolumePrice {
  const total = held.reduce((sum, one) => sum + gib(one), 0);
  const crosses = sent !== null && sent.from !== region;
  return {
    monthly: region === table.region ? total * table.snapshotGbMonth : null,
    once: !crosses ? 0 : sent.from === table.region ? total * table.crossRegionGb : null,
    asOf: table.asOf,
    source: table.source,
  };
}

/** A volume of a type; what it may cost for more IOPS and throughput than are free is not in it. */
export function volumePrice(region: string, type: string, sizeGiB: number): VolumePrice {
  const rate = (table.volumeGibMonth as Readonly<Record<string, number>>)[type];
  const monthly = region === table.region && rate !== undefined ? rate * sizeGiB : null;
  return { monthly, once: 0, asOf: table.asOf, source: table.source };
}

function gib({ sizeGiB, bytes }: { readonly sizeGiB: number; readonly bytes?: number | null }): number {
  return bytes === undefined || bytes === null ? sizeGiB : bytes / 2 ** 30;
}
