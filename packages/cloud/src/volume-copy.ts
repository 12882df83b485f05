/**
 * Copies snapshots, one or a whole set, to another region, always encrypted with a key of that region. EBS copies by
 * itself once it was asked; a run that ends early is continued by the next run of the same command, which asks only for
 * what is not there and waits for the rest.
 */
import { HostarkError } from '@hostark/protocol';
import type { AwsClients } from './clients.ts';
import { placeOf } from './cloud-place.ts';
import { ensure, type Wanted } from './ensure.ts';
import { withHostLock } from './host-lock.ts';
import { type AskOptions, callOptions, type RunOptions } from './run.ts';
import { awsTags, TAG_LEDGER, type Tags } from './tags.ts';
import { snapshotsPrice, type VolumePrice } from './volume-prices.ts';
import { markFinished, tag } from './volume-resume.ts';
import {
  deleteSnapshot,
  expectSet,
  expectSnapshot,
  isSnapshotId,
  listVolumeSnapshots,
  ownSnapshots,
} from './volume-sets.ts';
import { inheritedTags, readSnapshot, TAG_MADE_FROM, TAG_SET_SIZE, type VolumeSnapshot } from './volume-tags.ts';
import { waitForSnapshots } from './volume-wait.ts';

/** EBS "Time-based copies": 15 minutes to 48 hours, in steps of 15. */
const DURATION = { least: 15, most: 2880, step: 15 };

export interface VolumeCopyRequest {
  /** A snapshot (snap-…), a set (set-…), or a host: then its newest complete set. */
  readonly what: string;
  /** A key of the target region; default: the default EBS key there. */
  readonly kmsKey?: string;
  /** Minutes in which EBS is to finish, for extra money; default: when it can. */
  readonly completionMinutes?: number;
}

export interface CopyStep {
  readonly source: string;
  readonly device: string;
  readonly sizeGiB: number;
  readonly bytes: number | null;
  /** The copy that is there already. */
  readonly present: string | null;
  /** Copies that failed: they are deleted and made anew. */
  readonly failed: readonly string[];
  /** What the copy says of its volume and host. */
  readonly tags: Tags;
}

export interface VolumeCopyPlan {
  readonly kind: 'volume-copy';
  readonly host: string;
  readonly set: string;
  /** How many snapshots the copied set has. */
  readonly setSize: number;
  readonly sourceRegion: string;
  /** Where the copies go. */
  readonly region: string;
  readonly account: string;
  readonly endpoint: string | null;
  readonly kmsKey: string | null;
  readonly completionMinutes: number | null;
  readonly copies: readonly CopyStep[];
  readonly price: VolumePrice;
  readonly steps: readonly string[];
}

export interface VolumeCopyReport {
  readonly set: string;
  readonly host: string;
  readonly region: string;
  readonly snapshots: readonly VolumeSnapshot[];
}

/** `source` and `target` are clients of the two regions. Reads only. Throws 'usage' for what does not fit. */
export async function planVolumeCopy(
  source: AwsClients,
  target: AwsClients,
  request: VolumeCopyRequest,
  options: AskOptions = {},
): Promise<VolumeCopyPlan> {
  checkKey(request.kmsKey, target.region);
  const completionMinutes = checkDuration(request.completionMinutes);
  await checkRegion(source, target.region, options);
  if (source.region === target.region) {
    throw new HostarkError('usage', `expected another region than ${source.region} to copy to`, {
      hint: 'a snapshot serves every zone of its own region already',
    });
  }
  const single = isSnapshotId(request.what) ? await expectSnapshot(source, request.what, options) : null;
  const set = single === null ? await expectSet(source, request.what, options) : null;
  const wanted = set?.snapshots.filter((one) => one.state !== 'error') ?? [single!];
  const first = wanted[0]!;
  for (const one of wanted) checkSource(one);
  const there = await listVolumeSnapshots(target, { set: first.set }, options);
  const copies = wanted.map((one): CopyStep => {
    const same = there.filter((copy) => copy.device === one.device);
    const present = same.find((copy) => copy.state !== 'error')?.id ?? null;
    const failed = same.filter((copy) => copy.state === 'error').map((copy) => copy.id);
    const { id, device, sizeGiB, bytes, tags } = one;
    return { source: id, device: device ?? '', sizeGiB, bytes, present, failed, tags: inheritedTags(tags) };
  });
  const missing = copies.filter((copy) => copy.present === null);
  return {
    kind: 'volume-copy',
    host: first.host,
    set: first.set,
    setSize: set === null ? Math.max(1, ...there.map((one) => one.setSize)) : first.setSize,
    sourceRegion: source.region,
    ...(await placeOf(target)),
    kmsKey: request.kmsKey ?? null,
    completionMinutes,
    copies,
    price: {
      ...snapshotsPrice(target.region, copies, null),
      once: snapshotsPrice(target.region, missing, { from: source.region }).once,
    },
    steps: copies.map((copy) =>
      copy.present === null
        ? `copy ${copy.source} (${copy.device}, ${copy.sizeGiB} GiB) from ${source.region} to ${target.region}, encrypted with ${request.kmsKey ?? 'the default EBS key there'}`
        : `${copy.source} (${copy.device}) is in ${target.region} as ${copy.present}`,
    ),
  };
}

function checkSource(one: VolumeSnapshot): void {
  if (one.state === 'error') throw new HostarkError('usage', `snapshot ${one.id} has failed: there is nothing to copy`);
  if (one.state !== 'completed') {
    throw new HostarkError('usage', `snapshot ${one.id}: expected completed, found ${one.state} at ${one.percent} %`, {
      hint: 'EBS copies only what it has stored: hostark volume list shows how far it is; an older set may be named',
      retry: 'later',
    });
  }
  if (one.device !== null && one.finished) return;
  throw new HostarkError('usage', `snapshot ${one.id}: the run that made it did not finish`, {
    hint: `run hostark volume snapshot ${one.host} again: it goes on with that set`,
  });
}

/** Throws 'usage' for a key of another region: EBS would fail much later, and without a word. */
function checkKey(key: string | undefined, region: string): void {
  const named = /^arn:[^:]+:kms:([^:]+):/.exec(key ?? '')?.[1];
  if (named !== undefined && named !== region) {
    throw new HostarkError('usage', `KMS key ${key}: expected one of ${region}, this one is of ${named}`, {
      hint: `name a key of ${region}, or leave it out for the default EBS key there`,
    });
  }
  if (key === '' || /\s/.test(key ?? ''))
    throw new HostarkError('usage', `KMS key ${JSON.stringify(key)}: expected an ARN, an id or alias/NAME`);
}

function checkDuration(minutes: number | undefined): number | null {
  if (minutes === undefined) return null;
  const { least, most, step } = DURATION;
  if (minutes >= least && minutes <= most && minutes % step === 0) return minutes;
  throw new HostarkError(
    'usage',
    `completion duration ${minutes}: expected ${least} to ${most} minutes, in steps of ${step}`,
    {
      hint: 'leave it out: then EBS copies when it can, for no extra charge',
    },
  );
}

/** Asked in the source's region, which answers: the target may be a slip of the pen. */
async function checkRegion(source: AwsClients, region: string, options: AskOptions): Promise<void> {
  const names = await enabledRegions(source, options);
  if (names.includes(region)) return;
  throw new HostarkError('usage', `region ${region}: expected one that is enabled for this account`, {
    hint: names.join(', '),
  });
}

/** The regions that this account may use, by name. */
export async function enabledRegions(clients: AwsClients, options: AskOptions = {}): Promise<readonly string[]> {
  const { DescribeRegionsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const { Regions = [] } = await ec2.send(new DescribeRegionsCommand({}), callOptions(options));
  return Regions.map((one) => one.RegionName!).sort();
}

/** Runs the plan with clients of the target region. May be repeated. */
export async function runVolumeCopy(
  target: AwsClients,
  plan: VolumeCopyPlan,
  options: RunOptions & { readonly wait?: boolean },
): Promise<VolumeCopyReport> {
  const { ledger } = options;
  const run = await ledger.begin();
  try {
    // Only while EBS is asked, so that two runs do not ask for the same: the wait may take hours.
    const ids = await withHostLock(ledger.directory, plan.host, () => requestCopies(target, plan, run, options));
    if (options.wait !== false) await waitForSnapshots(target, ids, 'copy', options);
    const filters = [{ Name: 'snapshot-id', Values: [...ids] }];
    const final = (await ownSnapshots(target, filters, options)).map((one) => readSnapshot(one, plan.region));
    return { set: plan.set, host: plan.host, region: plan.region, snapshots: final };
  } finally {
    await ledger.end(run);
  }
}

/** Returns the ids of all copies, those that were there included. */
async function requestCopies(
  target: AwsClients,
  plan: VolumeCopyPlan,
  run: string,
  options: RunOptions,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const copy of plan.copies) {
    for (const failed of copy.failed) await deleteSnapshot(target, failed, options);
    ids.push(copy.present ?? (await ensure(copyOf(target, plan, copy, options), plan, run, options)));
  }
  await settle(target, plan, ids, options);
  return ids;
}

/** All are asked for: now they are data. Single copies of before become part of the set that they belong to. */
async function settle(
  target: AwsClients,
  plan: VolumeCopyPlan,
  ids: readonly string[],
  options: RunOptions,
): Promise<void> {
  const present = await listVolumeSnapshots(target, { set: plan.set }, options);
  const odd = present.filter((one) => one.setSize !== plan.setSize).map((one) => one.id);
  await tag(target, odd, { [TAG_SET_SIZE]: String(plan.setSize) }, options);
  const known = new Set(present.filter((one) => one.finished).map((one) => one.id));
  await markFinished(
    target,
    ids.filter((id) => !known.has(id)),
    options,
  );
}

function copyOf(target: AwsClients, plan: VolumeCopyPlan, copy: CopyStep, options: AskOptions): Wanted {
  const find = async (ledgerId: string): Promise<string | null> => {
    const found = await ownSnapshots(target, [{ Name: `tag:${TAG_LEDGER}`, Values: [ledgerId] }], options);
    return found.find((one) => one.State !== 'error')?.SnapshotId ?? null;
  };
  return {
    kind: 'snapshot',
    name: `${plan.set}/${copy.source}`,
    host: plan.host,
    find: (entry) => find(entry.id),
    async create(entry) {
      const { CopySnapshotCommand } = await import('@aws-sdk/client-ec2');
      const ec2 = await target.ec2();
      const tags = { ...copy.tags, ...entry.tags, [TAG_SET_SIZE]: String(plan.setSize), [TAG_MADE_FROM]: copy.source };
      const { SnapshotId } = await ec2.send(
        new CopySnapshotCommand({
          SourceRegion: plan.sourceRegion,
          SourceSnapshotId: copy.source,
          Description: `${plan.host} ${plan.set} ${copy.device}, copied from ${copy.source} in ${plan.sourceRegion}`,
          Encrypted: true,
          ...(plan.kmsKey === null ? {} : { KmsKeyId: plan.kmsKey }),
          ...(plan.completionMinutes === null ? {} : { CompletionDurationMinutes: plan.completionMinutes }),
          TagSpecifications: [{ ResourceType: 'snapshot', Tags: awsTags(tags, `${plan.host} ${plan.set}`) }],
        }),
        callOptions(options),
      );
      // CopySnapshot knows no client token: an answer that was lost has the SDK ask for a second copy.
      const made = await ownSnapshots(target, [{ Name: `tag:${TAG_LEDGER}`, Values: [entry.id] }], options);
      for (const extra of made)
        if (extra.SnapshotId !== SnapshotId) await deleteSnapshot(target, extra.SnapshotId!, options);
      return SnapshotId!;
    },
  };
}
