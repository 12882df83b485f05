/** Volume snapshots as they lie in one region, and the sets that they add up to. */
import type { Filter, Snapshot } from '@aws-sdk/client-ec2';
import { HostarkError } from '@hostark/protocol';
import { unless } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { placeOf } from './cloud-place.ts';
import { type AskOptions, callOptions } from './run.ts';
import { readTags, TAG_HOST, TAG_MANAGED } from './tags.ts';
import { readSnapshot, TAG_SET, type VolumeSnapshot } from './volume-tags.ts';

/** All volumes of a host at one moment. */
export interface SnapshotSet {
  readonly id: string;
  readonly host: string;
  readonly region: string;
  /** ISO 8601. */
  readonly taken: string;
  /** By device; the root volume's first. */
  readonly snapshots: readonly VolumeSnapshot[];
  /** Every volume is there, named, and none has failed: a host can be made of it, once `ready`. */
  readonly complete: boolean;
  /** Complete, and EBS has finished storing it. */
  readonly ready: boolean;
}

/** Our snapshots in the clients' region, oldest first. */
export async function listVolumeSnapshots(
  clients: AwsClients,
  which: { readonly host?: string; readonly set?: string } = {},
  options: AskOptions = {},
): Promise<readonly VolumeSnapshot[]> {
  const filters = [
    { Name: `tag:${TAG_MANAGED}`, Values: ['true'] },
    ...(which.host === undefined ? [] : [{ Name: `tag:${TAG_HOST}`, Values: [which.host] }]),
    which.set === undefined ? { Name: 'tag-key', Values: [TAG_SET] } : { Name: `tag:${TAG_SET}`, Values: [which.set] },
  ];
  const found = (await ownSnapshots(clients, filters, options)).map((one) => readSnapshot(one, clients.region));
  return found.sort((a, b) => (a.taken === b.taken ? (a.id < b.id ? -1 : 1) : a.taken < b.taken ? -1 : 1));
}

/** Snapshots of this account that match. */
export async function ownSnapshots(
  clients: AwsClients,
  Filters: Filter[],
  options: AskOptions = {},
): Promise<readonly Snapshot[]> {
  const { paginateDescribeSnapshots } = await import('@aws-sdk/client-ec2');
  const client = await clients.ec2();
  const found: Snapshot[] = [];
  const ask = { OwnerIds: ['self'], Filters };
  for await (const page of paginateDescribeSnapshots({ client }, ask, callOptions(options)))
    found.push(...(page.Snapshots ?? []));
  return found;
}

/** Groups by set, oldest first. Pure. */
export function snapshotSets(snapshots: readonly VolumeSnapshot[]): readonly SnapshotSet[] {
  const byId = new Map<string, VolumeSnapshot[]>();
  for (const one of snapshots) byId.set(one.set, [...(byId.get(one.set) ?? []), one]);
  return [...byId].map(([id, members]) => {
    const sorted = members.toSorted((a, b) => rank(a) - rank(b) || ((a.device ?? '') < (b.device ?? '') ? -1 : 1));
    const sound = sorted.filter((one) => one.finished && one.device !== null && one.state !== 'error');
    const devices = new Set(sound.map((one) => one.device));
    const complete = devices.size >= Math.max(...sorted.map((one) => one.setSize));
    const { host, region, taken } = sorted[0]!;
    const ready = complete && sound.every((one) => one.state === 'completed');
    return { id, host, region, taken, snapshots: sorted, complete, ready };
  });
}

function rank(snapshot: VolumeSnapshot): number {
  return snapshot.device === snapshot.machine.rootDevice ? 0 : 1;
}

/**
 * Our snapshot of that id. Throws 'usage' for one that is not there, belongs to another account, or is none of ours.
 */
export async function expectSnapshot(
  clients: AwsClients,
  id: string,
  options: AskOptions = {},
): Promise<VolumeSnapshot> {
  const { DescribeSnapshotsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const call = ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: [id] }), callOptions(options));
  const found = (await unless(call, 'InvalidSnapshot.NotFound', 'InvalidSnapshotID.Malformed', 'InvalidParameterValue'))
    ?.Snapshots?.[0];
  if (found === undefined) {
    throw new HostarkError('usage', `snapshot ${id}: there is none in ${clients.region}`, {
      hint: 'hostark volume list; another --region or --profile may have it',
    });
  }
  const { account } = await placeOf(clients);
  if (found.OwnerId !== undefined && found.OwnerId !== account) {
    throw new HostarkError('usage', `snapshot ${id}: expected of account ${account}, it belongs to ${found.OwnerId}`, {
      hint: 'copy it into this account first, or use the credentials of its own',
    });
  }
  const tags = readTags(found.Tags);
  if (tags[TAG_SET] === undefined || tags[TAG_MANAGED] === undefined) {
    throw new HostarkError(
      'usage',
      `snapshot ${id}: expected one made by hostark volume snapshot, found no such mark`,
      {
        hint: 'hostark volume list shows those that are',
      },
    );
  }
  return readSnapshot(found, clients.region);
}

/** The words by which a user names snapshots. */
export function isSnapshotId(word: string): boolean {
  return /^snap-[0-9a-f]+$/.test(word);
}

export function isSetId(word: string): boolean {
  return word.startsWith('set-');
}

/**
 * The set of that id, or the newest complete one of that host. Throws 'usage' when there is none, with what there is.
 */
export async function expectSet(clients: AwsClients, word: string, options: AskOptions = {}): Promise<SnapshotSet> {
  const found = await findSet(clients, word, options);
  if (found?.complete === true) return found;
  if (found !== null) {
    const present = found.snapshots.filter((one) => one.finished && one.state !== 'error').length;
    throw new HostarkError(
      'usage',
      `set ${found.id}: expected ${found.snapshots[0]!.setSize} snapshots in ${clients.region}, found ${present} that are whole`,
      { hint: 'hostark volume copy brings the others there; hostark volume list shows what there is' },
    );
  }
  const what = isSetId(word) ? `set ${word}: there is none` : `host ${word}: there is no complete set of its volumes`;
  throw new HostarkError('usage', `${what} in ${clients.region}`, {
    hint: 'hostark volume list --all-regions; another --region may have it',
  });
}

/** The same without complaint; a set named by its id is returned as incomplete as it may be. */
export async function findSet(
  clients: AwsClients,
  word: string,
  options: AskOptions = {},
): Promise<SnapshotSet | null> {
  const which = isSetId(word) ? { set: word } : { host: word };
  const sets = snapshotSets(await listVolumeSnapshots(clients, which, options));
  return sets.findLast((set) => isSetId(word) || set.complete) ?? null;
}

/** Deletes one snapshot; gone already counts as done. */
export async function deleteSnapshot(clients: AwsClients, SnapshotId: string, options: AskOptions): Promise<void> {
  const { DeleteSnapshotCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  await unless(ec2.send(new DeleteSnapshotCommand({ SnapshotId }), callOptions(options)), 'InvalidSnapshot.NotFound');
}
