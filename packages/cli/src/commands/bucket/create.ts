/** `hostark bucket create NAME`: creates or adopts a bucket and hardens it. */
import {
  type BucketAuditPlan,
  type BucketClass,
  type BucketPlan,
  type BucketRequest,
  createBucket,
  planBucket,
  planBucketAudit,
} from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { type Cloud, type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { wholeNumber } from '../../repository/settings.ts';
import { confirm } from '../../terminal/confirm.ts';
import type { Output } from '../../terminal/output.ts';
import type { CommandCode } from '../../tree/command.ts';
import { priceLines } from './price-lines.ts';

interface CreateFlags extends CloudFlags {
  readonly objectLock?: boolean | string;
  readonly kmsKey?: string;
  readonly storageClass?: string;
  readonly expireNoncurrent?: string;
  readonly size?: string[];
}

/** Days of GOVERNANCE retention that --object-lock sets: long enough to notice, short enough to undo. */
const OBJECT_LOCK_DAYS = 30;
const MOST_DAYS = 36_500;

export const create: CommandCode<CreateFlags> = async (context, flags, [name]) => {
  const { out } = context;
  const request = bucketRequest(name!, flags);
  return withCloud(context, flags, async (cloud) => {
    const plan = await planBucket(cloud.clients, request);
    const there = await planBucketAudit(cloud.clients, plan, cloud);
    const isStranger = there.exists && !there.ours && !(await isOnLedger(cloud, plan));
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan, exists: there.exists, ours: !isStranger, changes: there.deviations });
      tellPlan((line) => out.print(line), plan, there);
      return 0;
    }
    if (!there.exists || isStranger) tellPlan((line) => out.say(line), plan, there);
    if (isStranger)
      await confirm(context, flags.yes, `bucket ${plan.name} was not made by Hostark: adopt it`, plan.name);
    const report = await createBucket(cloud.clients, plan, cloud);
    out.data({ message_type: 'summary', ...report, price: plan.price, warnings: plan.warnings });
    tellReport(out, report);
    return 0;
  });
};

/** Reads the flags. Throws 'usage' before anything is asked. */
export function bucketRequest(name: string, flags: CreateFlags): BucketRequest {
  const { objectLock, kmsKey, expireNoncurrent, storageClass, size } = flags;
  const days = (text: string, flag: string): number => wholeNumber(text, flag, { min: 1, max: MOST_DAYS });
  return {
    name,
    ...(kmsKey === undefined ? {} : { kmsKey: checkKey(kmsKey) }),
    ...(objectLock === undefined || objectLock === false
      ? {}
      : { objectLockDays: objectLock === true ? OBJECT_LOCK_DAYS : days(objectLock, '--object-lock') }),
    ...(expireNoncurrent === undefined
      ? {}
      : { expireNoncurrentDays: expireNoncurrent === 'never' ? null : days(expireNoncurrent, '--expire-noncurrent') }),
    ...(storageClass === undefined ? {} : { storageClass: storageClass.toUpperCase() as BucketClass }),
    ...(size === undefined
      ? {}
      : { sizesGib: size.map((gib) => wholeNumber(gib, '--size', { min: 1, max: 1_000_000_000 })) }),
  };
}

/** KMS takes a key's id, its ARN, or an alias with that word before it. */
function checkKey(key: string): string {
  if (
    /^(arn:[\w-]+:kms:[\w-]+:\d{12}:(key|alias)\/.+|alias\/[\w/-]+|[\da-f]{8}-[\da-f-]{27}|mrk-[\da-f]{32})$/.test(key)
  ) {
    return key;
  }
  throw new HostarkError('usage', `--kms-key: expected a key id, an ARN or alias/NAME, got ${JSON.stringify(key)}`, {
    hint: 'aws kms list-aliases shows the keys of the account and region',
  });
}

/** A run that was killed right after the creation has left no tag yet, but its line on the ledger. */
async function isOnLedger({ ledger }: Cloud, plan: BucketPlan): Promise<boolean> {
  const open = await ledger.openResources();
  return open.some((entry) => entry.kind === 'bucket' && entry.name === plan.name && entry.account === plan.account);
}

function tellPlan(tell: (line: string) => void, plan: BucketPlan, there: BucketAuditPlan): void {
  if (there.exists) {
    const changes = there.deviations.filter(({ fix }) => fix !== null);
    tell(`bucket ${plan.name} exists in ${plan.region}; ${changes.length === 0 ? 'nothing' : 'this'} would change:`);
    for (const { check, found, fix } of changes) tell(`  ${check}: ${fix} (found ${found})`);
    for (const { check, found, fix } of there.deviations) if (fix === null) tell(`  ${check}: stays: ${found}`);
    for (const note of there.notes) tell(`  ${note}`);
  } else {
    tell(`would create bucket ${plan.name} in ${plan.region} and set:`);
    for (const setting of plan.settings) tell(`  ${setting.summary}`);
  }
  for (const line of priceLines(plan.price)) tell(line);
  for (const warning of plan.warnings) tell(`note: ${warning}`);
}

function tellReport(out: Output, report: Awaited<ReturnType<typeof createBucket>>): void {
  const changed = report.settings.filter((setting) => setting.changed);
  if (!report.created && changed.length === 0) {
    out.print(`bucket ${report.name} in ${report.region} is as it should be; nothing was changed`);
    return;
  }
  out.print(`bucket ${report.name} ${report.created ? 'created' : 'brought up to date'} in ${report.region}`);
  for (const setting of report.settings) out.print(`  ${setting.changed ? 'set ' : 'kept'} ${setting.summary}`);
  out.say(`next: hostark host launch NAME --bucket ${report.name}`);
}
