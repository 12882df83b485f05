/** `hostark volume prune HOST --keep-last N | --keep-within DURATION`. */
import { type PruneSet, planVolumePrune, runVolumePrune } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { wholeNumber } from '../../repository/settings.ts';
import { confirm } from '../../terminal/confirm.ts';
import { plural } from '../../terminal/format.ts';
import type { CommandCode } from '../../tree/command.ts';
import { age, dollars, keepDuration } from './lines.ts';

interface PruneFlags extends CloudFlags {
  readonly keepLast?: string;
  readonly keepWithin?: string;
}

export const prune: CommandCode<PruneFlags> = async (context, flags, [host]) => {
  const { out } = context;
  const rules = {
    ...(flags.keepLast === undefined
      ? {}
      : { keepLast: wholeNumber(flags.keepLast, '--keep-last', { min: 1, max: 100_000 }) }),
    ...(flags.keepWithin === undefined ? {} : { keepWithinMs: keepDuration(flags.keepWithin, '--keep-within') }),
  };
  return withCloud(context, flags, async (cloud) => {
    const plan = await planVolumePrune(cloud.clients, { host: host!, ...rules }, cloud);
    const count = plan.removed.reduce((sum, set) => sum + set.snapshots.length, 0);
    for (const set of plan.kept) out.say(line('keep   ', set));
    for (const set of plan.removed) out.print(line('remove ', set));
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      return 0;
    }
    if (count === 0) {
      out.data({ message_type: 'summary', removed: [], inUse: [] });
      out.say('nothing to remove');
      return 0;
    }
    const question = `this deletes ${plural(count, 'snapshot')} of ${host} in ${plan.region} for good and saves at most ${dollars(plan.savesMonthly)} a month`;
    await confirm(context, flags.yes, question, host!);
    const report = await runVolumePrune(cloud.clients, plan, cloud);
    out.data({ message_type: 'summary', ...report });
    for (const id of report.inUse) out.warn(`${id} stays: an image took hold of it meanwhile`);
    out.print(`${plural(report.removed.length, 'snapshot')} removed, ${plural(plan.kept.length, 'set')} kept`);
    return 0;
  });
};

function line(verb: string, set: PruneSet): string {
  return `${verb} ${set.set}  ${age(set.taken)} old, ${plural(set.snapshots.length, 'snapshot')}: ${set.reason}`;
}
