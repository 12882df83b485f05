/**
 * Decides which sets of a host's snapshots go, and deletes them. The newest complete set always stays, and so does every
 * snapshot that an image holds. Asks nothing: who runs the plan has shown it.
 */
import { HostarkError } from '@hostark/protocol';
import { awsCode } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { placeOf } from './cloud-place.ts';
import { type AskOptions, callOptions, type RunOptions } from './run.ts';
import { snapshotMonthly } from './volume-prices.ts';
import { deleteSnapshot, listVolumeSnapshots, type SnapshotSet, snapshotSets } from './volume-sets.ts';
import type { VolumeSnapshot } from './volume-tags.ts';

export interface VolumePruneRequest {
  readonly host: string;
  /** Keep so many complete sets, the newest. */
  readonly keepLast?: number;
  /** Keep what was taken within so many milliseconds. */
  readonly keepWithinMs?: number;
  /** Milliseconds since the epoch; default now. */
  readonly now?: number;
}

export interface PruneSet {
  readonly set: string;
  readonly taken: string;
  /** In words. */
  readonly reason: string;
  readonly snapshots: readonly {
    readonly id: string;
    readonly device: string | null;
    readonly ledger: string | null;
  }[];
}

export interface VolumePrunePlan {
  readonly kind: 'volume-prune';
  readonly host: string;
  readonly region: string;
  readonly account: string;
  readonly removed: readonly PruneSet[];
  readonly kept: readonly PruneSet[];
  /** Dollars a month that this saves at most; null when not known. */
  readonly savesMonthly: number | null;
}

export interface VolumePruneReport {
  readonly removed: readonly string[];
  /** Snapshots that an image took hold of since the plan. */
  readonly inUse: readonly string[];
}

/** Reads only. Throws 'usage' without a rule, or for a host with no snapshots in the clients' region. */
export async function planVolumePrune(
  clients: AwsClients,
  request: VolumePruneRequest,
  options: AskOptions = {},
): Promise<VolumePrunePlan> {
  checkRule(request);
  const { region, account } = await placeOf(clients);
  const sets = snapshotSets(await listVolumeSnapshots(clients, { host: request.host }, options));
  if (sets.length === 0) {
    throw new HostarkError('usage', `host ${request.host}: there are no snapshots of its volumes in ${region}`, {
      hint: 'hostark volume list --all-regions',
    });
  }
  const used = await heldByImages(clients, options);
  const decided = decideByOrigin(sets, used, request);
  const of = (keep: boolean): PruneSet[] =>
    decided
      .filter((one) => one.keep === keep)
      .map(({ set, reason }) => ({
        set: set.id,
        taken: set.taken,
        reason,
        snapshots: set.snapshots.map(({ id, device, ledger }) => ({ id, device, ledger })),
      }));
  const gone = decided.filter((one) => !one.keep).flatMap((one) => one.set.snapshots);
  const savings = gone.map(snapshotMonthly);
  return {
    kind: 'volume-prune',
    host: request.host,
    region,
    account,
    removed: of(false),
    kept: of(true),
    savesMonthly: savings.reduce<number | null>((sum, one) => (sum === null || one === null ? null : sum + one), 0),
  };
}

function checkRule({ keepLast, keepWithinMs }: VolumePruneRequest): void {
  if (keepLast === undefined && keepWithinMs === undefined) {
    throw new HostarkError('usage', 'expected a rule for what to keep, found none', {
      hint: 'for example --keep-last 7 or --keep-within 30d',
    });
  }
  if (keepLast !== undefined && !(Number.isInteger(keepLast) && keepLast >= 1)) {
    throw new HostarkError('usage', `--keep-last ${keepLast}: expected a whole number of 1 or more`, {
      hint: 'the newest complete set always stays',
    });
  }
}

interface Decision {
  readonly set: SnapshotSet;
  readonly keep: boolean;
  readonly reason: string;
}

/**
 * Hosts of two regions may share a name: copies of one are not made up for by sets of the other, so each region's are
 * counted on their own. Pure.
 */
export function decideByOrigin(
  sets: readonly SnapshotSet[],
  used: ReadonlyMap<string, string>,
  request: VolumePruneRequest,
): readonly Decision[] {
  const origins = [...new Set(sets.map((set) => set.snapshots[0]?.sourceRegion))];
  return origins.flatMap((origin) =>
    decide(
      sets.filter((set) => set.snapshots[0]?.sourceRegion === origin),
      used,
      request,
    ),
  );
}

/** Oldest first. What any rule keeps stays. Pure. */
function decide(
  sets: readonly SnapshotSet[],
  used: ReadonlyMap<string, string>,
  { keepLast = 0, keepWithinMs, now = Date.now() }: VolumePruneRequest,
): readonly Decision[] {
  const complete = sets.filter((set) => set.complete);
  const ready = complete.filter((set) => set.ready);
  // A set that is still being stored may fail yet: the last one that is known to be good stays with it.
  const last = new Set([complete.at(-1), ready.at(-1)]);
  const newest = new Set(keepLast > 0 ? complete.slice(-keepLast) : []);
  return sets.map((set): Decision => {
    const image = set.snapshots.map((one) => used.get(one.id)).find((id) => id !== undefined);
    const ageMs = now - Date.parse(set.taken);
    if (image !== undefined) return { set, keep: true, reason: `image ${image} uses it` };
    if (last.has(set)) return { set, keep: true, reason: 'the last complete set' };
    if (newest.has(set)) return { set, keep: true, reason: `one of the newest ${keepLast}` };
    if (keepWithinMs !== undefined && !(ageMs > keepWithinMs)) return { set, keep: true, reason: 'young enough' };
    if (set.complete) return { set, keep: false, reason: 'no rule keeps it' };
    const newer = complete.some((one) => one.taken > set.taken);
    if (isUnfinished(set)) return { set, keep: true, reason: 'a run that makes it did not end; hostark cleanup knows' };
    return newer
      ? { set, keep: false, reason: 'incomplete, and older than a complete one' }
      : { set, keep: true, reason: 'incomplete, but the newest' };
  });
}

function isUnfinished(set: SnapshotSet): boolean {
  return set.snapshots.some((one: VolumeSnapshot) => !one.finished);
}

/** Snapshots that images of this account hold, with the image. */
async function heldByImages(clients: AwsClients, options: AskOptions): Promise<ReadonlyMap<string, string>> {
  const { paginateDescribeImages } = await import('@aws-sdk/client-ec2');
  const client = await clients.ec2();
  const used = new Map<string, string>();
  for await (const page of paginateDescribeImages({ client }, { Owners: ['self'] }, callOptions(options)))
    for (const image of page.Images ?? [])
      for (const { Ebs } of image.BlockDeviceMappings ?? [])
        if (Ebs?.SnapshotId !== undefined) used.set(Ebs.SnapshotId, image.ImageId!);
  return used;
}

/** May be repeated: what is gone already counts as removed. */
export async function runVolumePrune(
  clients: AwsClients,
  plan: VolumePrunePlan,
  options: RunOptions,
): Promise<VolumePruneReport> {
  const known = new Map((await options.ledger.openResources()).map((entry) => [entry.id, entry]));
  const removed: string[] = [];
  const inUse: string[] = [];
  for (const set of plan.removed) {
    for (const { id, ledger } of set.snapshots) {
      const event = { type: 'step', step: 'delete', resource: 'snapshot', id } as const;
      options.onEvent?.({ ...event, state: 'started' });
      try {
        await deleteSnapshot(clients, id, options);
      } catch (error) {
        if (awsCode(error) !== 'InvalidSnapshot.InUse') throw error;
        inUse.push(id);
        continue;
      }
      removed.push(id);
      options.onEvent?.({ ...event, state: 'done' });
      const rest = set.snapshots.some((one) => one.ledger === ledger && !removed.includes(one.id));
      if (ledger !== null && known.has(ledger) && !rest) await options.ledger.deleted(ledger);
    }
  }
  return { removed, inUse };
}
