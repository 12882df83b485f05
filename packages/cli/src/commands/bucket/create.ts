/** `hostark bucket create NAME`: creates or adopts a bucket and hardens it. */
import { createBucket, planBucket } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { wholeNumber } from '../../repository/settings.ts';
import type { CommandCode } from '../../tree/command.ts';

interface CreateFlags extends CloudFlags {
  readonly objectLock?: boolean;
  readonly kmsKey?: string;
  readonly expireNoncurrent?: string;
}

/** Days of GOVERNANCE retention that --object-lock sets: long enough to notice, short enough to undo. */
const OBJECT_LOCK_DAYS = 30;

export const create: CommandCode<CreateFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const plan = await planBucket(cloud.clients, {
      name: name!,
      ...(flags.kmsKey === undefined ? {} : { kmsKey: flags.kmsKey }),
      ...(flags.objectLock ? { objectLockDays: OBJECT_LOCK_DAYS } : {}),
      ...(flags.expireNoncurrent === undefined
        ? {}
        : { expireNoncurrentDays: wholeNumber(flags.expireNoncurrent, '--expire-noncurrent', { min: 1, max: 36500 }) }),
    });
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      out.print(`would create or adopt bucket ${plan.name} in ${plan.region} and set:`);
      for (const setting of plan.settings) out.print(`  ${setting.summary}`);
      return 0;
    }
    const report = await createBucket(cloud.clients, plan, cloud);
    out.data({ message_type: 'summary', ...report });
    out.print(`bucket ${report.name} ${report.created ? 'created' : 'adopted'} in ${report.region}`);
    for (const setting of report.settings) out.print(`  ${setting.changed ? 'set ' : 'kept'} ${setting.summary}`);
    out.say(`next: hostark host launch NAME --bucket ${report.name}`);
    return 0;
  });
};
