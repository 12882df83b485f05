/**
 * Takes all volumes of a host at one moment. One CreateSnapshots call makes the set, with our marks from the first
 * instant; then each snapshot is told which device it was, and the set is marked finished. A run that was killed is
 * continued by the next one for the same host.
 */
import { randomBytes } from 'node:crypto';
import { HostarkError } from '@hostark/protocol';
import type { AwsClients } from './clients.ts';
import { placeOf } from './cloud-place.ts';
import { ensure, type Wanted } from './ensure.ts';
import { showHost } from './hosts.ts';
import type { Ledger } from './ledger.ts';
import { type AskOptions, callOptions, type RunOptions } from './run.ts';
import { awsTags, TAG_LEDGER } from './tags.ts';
import { type HostVolume, machineOf, volumesOfHost } from './volume-host.ts';
import { snapshotsPrice, type VolumePrice } from './volume-prices.ts';
import { markFinished, tag, unfinishedEntry } from './volume-resume.ts';
import { deleteSnapshot, ownSnapshots } from './volume-sets.ts';
import {
  type MachineFacts,
  machineTags,
  readSnapshot,
  TAG_CONSISTENCY,
  TAG_DEVICE,
  TAG_SET,
  TAG_SET_SIZE,
  TAG_SOURCE_REGION,
  TAG_TAKEN,
  TAG_VOLUME_TYPE,
  type VolumeSnapshot,
} from './volume-tags.ts';
import { waitForSnapshots } from './volume-wait.ts';
import { until } from './wait.ts';

export interface VolumeSnapshotPlan {
  readonly kind: 'volume-snapshot';
  readonly host: string;
  readonly instanceId: string;
  readonly region: string;
  readonly account: string;
  readonly endpoint: string | null;
  /** Id of the set. */
  readonly set: string;
  /** Whether it goes on with a set that an earlier run began. */
  readonly continues: boolean;
  readonly volumes: readonly HostVolume[];
  readonly machine: MachineFacts;
  readonly price: VolumePrice;
  readonly steps: readonly string[];
}

export interface VolumeSnapshotOptions extends RunOptions {
  /**
   * Runs `take` while the host's data volumes stand still, and returns whether they did to the end of it. Default: they
   * do not, and the set is what a sudden power cut would have left.
   */
  readonly whileFrozen?: (take: () => Promise<void>) => Promise<boolean>;
  /** Return as soon as EBS has the moment: storing it takes minutes to hours, and goes on without us. */
  readonly wait?: boolean;
}

export interface VolumeSnapshotReport {
  readonly set: string;
  readonly host: string;
  readonly consistency: 'frozen' | 'crash';
  readonly snapshots: readonly VolumeSnapshot[];
}

/** Reads only. Throws 'host-not-found', and 'usage' for a host with no EBS volume. */
export async function planVolumeSnapshot(
  clients: AwsClients,
  ledger: Ledger,
  name: string,
  options: AskOptions = {},
): Promise<VolumeSnapshotPlan> {
  const place = await placeOf(clients);
  const host = await showHost(clients, ledger, name, options);
  const { instance, volumes } = await volumesOfHost(clients, host.instanceId, options);
  if (volumes.length === 0) {
    throw new HostarkError('usage', `host ${host.name}: expected EBS volumes, found none`, {
      hint: 'instance store cannot be snapshotted; hostark protect backs up its files',
    });
  }
  const begun = await unfinishedEntry(
    clients,
    ledger,
    place,
    'snapshot',
    (one) => one.host === host.name && one.name.startsWith('set-') && !one.name.includes('/'),
    options,
  );
  const set = begun?.name ?? newSetId();
  return {
    kind: 'volume-snapshot',
    host: host.name,
    instanceId: host.instanceId,
    ...place,
    set,
    continues: begun !== null,
    volumes,
    machine: machineOf(instance, host),
    price: snapshotsPrice(place.region, volumes, null),
    steps: [
      `set ${set} of ${host.name}, all volumes at one moment${begun === null ? '' : ' (begun by an earlier run)'}`,
      ...volumes.map(
        (one) =>
          `snapshot of ${one.volumeId} (${one.device}, ${one.sizeGiB} GiB${one.root ? ', root' : ''}${one.encrypted ? '' : ', not encrypted'})`,
      ),
    ],
  };
}

function newSetId(): string {
  const now = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  return `set-${now}-${randomBytes(4).toString('hex')}`;
}

/** Runs the plan. May be repeated, also after a kill: it goes on where it stopped. */
export async function runVolumeSnapshot(
  clients: AwsClients,
  plan: VolumeSnapshotPlan,
  options: VolumeSnapshotOptions,
): Promise<VolumeSnapshotReport> {
  const { ledger } = options;
  const run = await ledger.begin();
  try {
    let held = false;
    const taken: { fresh: readonly string[] | null } = { fresh: null };
    const take = async (): Promise<void> => {
      await ensure(setOf(clients, plan, taken, options), plan, run, options);
    };
    // What an earlier run took is not made any better by standing still now.
    if (options.whileFrozen === undefined || plan.continues) await take();
    else held = await options.whileFrozen(take);
    const entry = (await ledger.openResources()).find((one) => one.kind === 'snapshot' && one.name === plan.set)!;
    const members = await membersOf(clients, plan, entry.id, taken.fresh, options);
    const consistency = held && taken.fresh !== null ? 'frozen' : 'crash';
    for (const volume of plan.volumes) {
      const member = members.find((one) => one.volumeId === volume.volumeId);
      if (member === undefined || member.device !== null) continue;
      const marks = { [TAG_DEVICE]: volume.device, [TAG_VOLUME_TYPE]: volume.type, [TAG_CONSISTENCY]: consistency };
      await tag(clients, [member.id], marks, options);
    }
    const ids = members.map((one) => one.id);
    if (members.some((one) => !one.finished)) await markFinished(clients, ids, options);
    if (options.wait !== false) await waitForSnapshots(clients, ids, 'snapshot', options);
    const filters = [{ Name: 'snapshot-id', Values: ids }];
    const final = (await ownSnapshots(clients, filters, options)).map((one) => readSnapshot(one, plan.region));
    return { set: plan.set, host: plan.host, consistency: final[0]?.consistency ?? consistency, snapshots: final };
  } finally {
    await ledger.end(run);
  }
}

function setOf(
  clients: AwsClients,
  plan: VolumeSnapshotPlan,
  taken: { fresh: readonly string[] | null },
  options: AskOptions,
): Wanted {
  return {
    kind: 'snapshot',
    name: plan.set,
    host: plan.host,
    find: async (entry) => ((await withLedger(clients, entry.id, options)).length === 0 ? null : plan.set),
    async create(entry) {
      const { CreateSnapshotsCommand } = await import('@aws-sdk/client-ec2');
      const ec2 = await clients.ec2();
      const tags = {
        ...entry.tags,
        ...machineTags(plan.machine),
        [TAG_SET]: plan.set,
        [TAG_SET_SIZE]: String(plan.volumes.length),
        [TAG_SOURCE_REGION]: plan.region,
        [TAG_TAKEN]: new Date().toISOString(),
      };
      const answer = await ec2.send(
        new CreateSnapshotsCommand({
          InstanceSpecification: { InstanceId: plan.instanceId },
          Description: `${plan.host} ${plan.set}`,
          TagSpecifications: [{ ResourceType: 'snapshot', Tags: awsTags(tags, `${plan.host} ${plan.set}`) }],
        }),
        callOptions(options),
      );
      taken.fresh = (answer.Snapshots ?? []).map((one) => one.SnapshotId!);
      return plan.set;
    },
  };
}

/**
 * The set's snapshots, once EC2 shows them all. CreateSnapshots knows no client token: when an answer is lost and the
 * SDK asks again there are two sets, of which the one that was answered for stays.
 */
async function membersOf(
  clients: AwsClients,
  plan: VolumeSnapshotPlan,
  ledgerId: string,
  fresh: readonly string[] | null,
  options: RunOptions,
): Promise<readonly VolumeSnapshot[]> {
  const ask = async (): Promise<readonly VolumeSnapshot[] | null> => {
    const all = await withLedger(clients, ledgerId, options);
    return all.length >= plan.volumes.length ? all : null;
  };
  const all = await until(ask, { what: `the snapshots of ${plan.set}`, budgetMs: 60_000, signal: options.signal });
  if (all.length === plan.volumes.length) return all;
  const kept = all.filter((one) => fresh?.includes(one.id));
  for (const extra of all.filter((one) => !kept.includes(one))) await deleteSnapshot(clients, extra.id, options);
  if (kept.length === plan.volumes.length) return kept;
  await options.ledger.deleted(ledgerId);
  throw new HostarkError(
    'cloud-refused',
    `set ${plan.set}: EC2 took it twice, and which snapshots belong together is not known`,
    {
      hint: 'both were removed; run the same command again',
      retry: 'later',
    },
  );
}

async function withLedger(
  clients: AwsClients,
  ledgerId: string,
  options: AskOptions,
): Promise<readonly VolumeSnapshot[]> {
  const filters = [{ Name: `tag:${TAG_LEDGER}`, Values: [ledgerId] }];
  return (await ownSnapshots(clients, filters, options)).map((one) => readSnapshot(one, clients.region));
}
