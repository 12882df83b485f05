/**
 * A whole new host from the volume snapshots of another one, in another zone, VPC or region: copies them there unless
 * they are there, registers an image that says of the machine what the snapshots' tags say, launches it with all its
 * volumes as any other host, and removes the image. A run that was killed is continued by the next one of the same name.
 */
import { HostarkError } from '@hostark/protocol';
import type { AwsClients } from './clients.ts';
import { type CloudPlace, isHere, placeOf } from './cloud-place.ts';
import { ensure } from './ensure.ts';
import type { Host } from './host.ts';
import { readHostRecord } from './host-record.ts';
import { showHost } from './hosts.ts';
import { launchHost } from './launch.ts';
import { type LaunchPlan, type LaunchRequest, planLaunch } from './launch-plan.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import { expectNothingLeft, removeAll } from './remove.ts';
import type { AskOptions, RunOptions } from './run.ts';
import { planVolumeCopy, runVolumeCopy, type VolumeCopyPlan } from './volume-copy.ts';
import { type HostImage, imageOf, waitForImage } from './volume-image.ts';
import { expectSet, findSet, type SnapshotSet } from './volume-sets.ts';
import type { VolumeSnapshot } from './volume-tags.ts';
import { waitForSnapshots } from './volume-wait.ts';

export interface HostRecoveryRequest
  extends Omit<LaunchRequest, 'name' | 'image' | 'architecture' | 'user' | 'volumeGiB'> {
  /** A set (set-…), or a host: then its newest complete set. */
  readonly what: string;
  /** The new host. */
  readonly name: string;
  /** Key for copies, of the target region. */
  readonly kmsKey?: string;
  /** False: the new host is tied to no bucket, whatever the old one was. */
  readonly keepBucket?: boolean;
}

export interface HostRecoveryPlan {
  readonly kind: 'volume-recover';
  readonly name: string;
  readonly region: string;
  readonly account: string;
  readonly endpoint: string | null;
  readonly set: string;
  readonly taken: string;
  readonly source: { readonly host: string; readonly region: string };
  /** Null when the snapshots are in the target region. */
  readonly copy: VolumeCopyPlan | null;
  readonly image: Omit<HostImage, 'disks'>;
  /** The snapshots by device; of copies that are not made yet, their originals. */
  readonly disks: HostImage['disks'];
  readonly launch: LaunchPlan;
  readonly steps: readonly string[];
}

/**
 * `target` are clients of the region of the new host, `source` of the one where the snapshots are when they may be
 * elsewhere (null: only the target is asked). Reads only. Throws 'usage' for whatever does not fit, before anything is
 * created.
 */
export async function planHostRecovery(
  target: AwsClients,
  source: AwsClients | null,
  ledger: Ledger,
  request: HostRecoveryRequest,
  options: AskOptions = {},
): Promise<HostRecoveryPlan> {
  const place = await placeOf(target);
  const begun = await beginning(ledger, place, request.name);
  await checkName(ledger, place, request.name, begun);
  const { set, copy } = await findSnapshots(target, source, { ...request, what: begun?.set ?? request.what }, options);
  const sound = set.snapshots.filter((one) => one.state !== 'error' && one.device !== null);
  const { machine, host } = set.snapshots[0]!;
  const disks = sound.map((one) => ({
    device: one.device!,
    snapshot: one.id,
    sizeGiB: one.sizeGiB,
    type: one.volumeType,
  }));
  const root = disks.find((disk) => disk.device === machine.rootDevice);
  if (root === undefined) {
    throw new HostarkError(
      'usage',
      `set ${set.id}: expected a snapshot of the root volume ${machine.rootDevice}, found ${disks.map((disk) => disk.device).join(', ')}`,
      {
        hint: 'hostark volume create makes volumes of the others, hostark volume attach gives them to a host',
      },
    );
  }
  const { what: _what, kmsKey: _key, keepBucket = true, bucket, prefix, instanceType, ...choices } = request;
  const store = keepBucket
    ? { bucket: bucket ?? machine.bucket, prefix: prefix ?? machine.prefix }
    : { bucket: null, prefix: null };
  const type = instanceType ?? (machine.instanceType || undefined);
  const launch = await planLaunch(
    target,
    {
      ...choices,
      architecture: machine.architecture,
      ...(type === undefined ? {} : { instanceType: type }),
      ...(store.bucket === null ? {} : { bucket: store.bucket }),
      ...(store.bucket === null || store.prefix === null ? {} : { prefix: store.prefix }),
      user: machine.user,
      ownImage: {
        name: `the snapshots of ${host}, ${set.taken}`,
        rootDevice: machine.rootDevice,
        rootGiB: root.sizeGiB,
        volumes: disks.filter((disk) => disk !== root),
      },
    },
    options,
  );
  return {
    kind: 'volume-recover',
    name: request.name,
    ...place,
    set: set.id,
    taken: set.taken,
    source: { host, region: set.region },
    copy,
    image: { name: imageName(request.name, set.id), host: request.name, machine },
    disks,
    launch,
    steps: [
      `${set.snapshots.length} snapshots of ${host}, taken ${set.taken}, in ${set.region}${begun === null ? '' : ' (begun by an earlier run)'}`,
      ...(copy?.steps ?? []),
      `image of them for the launch (${machine.architecture}, ${machine.bootMode ?? 'default boot mode'}, root ${machine.rootDevice}), removed afterwards`,
      ...launch.steps,
      ...sound
        .filter((one) => one.id !== root.snapshot)
        .map((one) => `volume ${one.device}, ${one.sizeGiB} GiB, attached from the first boot${plain(one, copy)}`),
    ],
  };
}

/** Copies are always encrypted, and so is the root; other volumes are as their snapshots. */
function plain(snapshot: VolumeSnapshot, copy: VolumeCopyPlan | null): string {
  return snapshot.encrypted || copy !== null ? '' : '; not encrypted, as its snapshot is not';
}

const imageName = (host: string, set: string): string => `${host} ${set}`;

/** The set that an earlier run of this name began with, or null. */
async function beginning(ledger: Ledger, place: CloudPlace, name: string): Promise<{ readonly set: string } | null> {
  const entry = await openImage(ledger, place, name);
  return entry === null ? null : { set: entry.name.slice(name.length + 1) };
}

async function openImage(ledger: Ledger, place: CloudPlace, name: string): Promise<LedgerEntry | null> {
  const open = await ledger.openResources();
  return open.find((entry) => entry.kind === 'image' && entry.host === name && isHere(entry, place)) ?? null;
}

async function checkName(ledger: Ledger, place: CloudPlace, name: string, begun: unknown): Promise<void> {
  const record = await readHostRecord(ledger.directory, name);
  if (record === null || (begun !== null && record.region === place.region)) return;
  if (record.state === 'launching' && record.region === place.region && record.account === place.account) return;
  throw new HostarkError(
    'usage',
    `--name ${name}: expected a name for a new host, this machine knows one in ${record.region}`,
    {
      hint: 'choose another name, or destroy that one first',
    },
  );
}

/** The set in the target region, or the one to copy there. What the target has is never asked for elsewhere: that may be lost. */
async function findSnapshots(
  target: AwsClients,
  source: AwsClients | null,
  request: HostRecoveryRequest,
  options: AskOptions,
): Promise<{ readonly set: SnapshotSet; readonly copy: VolumeCopyPlan | null }> {
  const there = await findSet(target, request.what, options);
  if (there?.complete === true) return { set: there, copy: null };
  if (source === null || source.region === target.region)
    return { set: await expectSet(target, request.what, options), copy: null };
  const set = await expectSet(source, request.what, options);
  const wanted = { what: set.id, ...(request.kmsKey === undefined ? {} : { kmsKey: request.kmsKey }) };
  return { set, copy: await planVolumeCopy(source, target, wanted, options) };
}

/** Resolves when the new host runs and has an address. May be repeated, also after a kill: it goes on where it stopped. */
export async function runHostRecovery(target: AwsClients, plan: HostRecoveryPlan, options: RunOptions): Promise<Host> {
  const { ledger } = options;
  const run = await ledger.begin();
  try {
    const record = await readHostRecord(ledger.directory, plan.name);
    if (record?.state === 'ready') {
      // An earlier run came as far as this; its image alone is left.
      await removeImage(target, plan, options);
      return await showHost(target, ledger, plan.name, options);
    }
    const disks = plan.copy === null ? plan.disks : await copied(target, plan.copy, plan.disks, options);
    const ids = disks.map((disk) => disk.snapshot);
    await waitForSnapshots(target, ids, 'store', options);
    const imageId = await ensure(imageOf(target, { ...plan.image, disks }, options), plan, run, options);
    await waitForImage(target, imageId, options);
    const launch = { ...plan.launch, image: { ...plan.launch.image, id: imageId } };
    const host = await launchHost(target, launch, options);
    await removeImage(target, plan, options);
    return host;
  } finally {
    await ledger.end(run);
  }
}

/** The disks, of the copies in the target region. */
async function copied(
  target: AwsClients,
  copy: VolumeCopyPlan,
  disks: HostImage['disks'],
  options: RunOptions,
): Promise<HostImage['disks']> {
  const { snapshots } = await runVolumeCopy(target, copy, options);
  return disks.map((disk) => ({ ...disk, snapshot: snapshots.find((one) => one.device === disk.device)!.id }));
}

/** The snapshots stay: deregistering an image leaves them alone. */
async function removeImage(target: AwsClients, plan: HostRecoveryPlan, options: RunOptions): Promise<void> {
  const entry = await openImage(options.ledger, plan, plan.name);
  if (entry === null) return;
  const id = entry.resource ?? (await imageOf(target, { ...plan.image, disks: [] }, options).find(entry));
  if (id === null) {
    await options.ledger.deleted(entry.id);
    return;
  }
  const removal = { kind: 'image', id, name: entry.name, host: plan.name, ledger: entry.id } as const;
  expectNothingLeft(await removeAll(target, [removal], options));
}
