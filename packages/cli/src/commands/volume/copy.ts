/** `hostark volume copy SNAPSHOT|SET|HOST --to-region REGION`. */
import { planVolumeCopy, runVolumeCopy } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { inRegion } from '../../hosts/regions.ts';
import { wholeNumber } from '../../repository/settings.ts';
import { plural } from '../../terminal/format.ts';
import type { CommandCode } from '../../tree/command.ts';
import { priceLine } from './lines.ts';

interface CopyFlags extends CloudFlags {
  readonly toRegion: string;
  readonly kmsKey?: string;
  readonly completeIn?: string;
  readonly wait: boolean;
}

export const copy: CommandCode<CopyFlags> = async (context, flags, [what]) => {
  const { out } = context;
  const completion =
    flags.completeIn === undefined
      ? {}
      : { completionMinutes: wholeNumber(flags.completeIn, '--complete-in', { min: 15, max: 2880 }) };
  return withCloud(context, flags, (cloud) =>
    inRegion(cloud, flags.toRegion, async (target) => {
      const key = flags.kmsKey === undefined ? {} : { kmsKey: flags.kmsKey };
      const plan = await planVolumeCopy(cloud.clients, target, { what: what!, ...key, ...completion }, cloud);
      if (flags.dryRun) {
        out.data({ message_type: 'plan', plan });
        for (const step of plan.steps) out.print(step);
        out.print(priceLine(plan.price));
        return 0;
      }
      for (const step of plan.steps) out.say(step);
      out.say(priceLine(plan.price));
      const report = await runVolumeCopy(target, plan, { ...cloud, wait: flags.wait });
      out.data({ message_type: 'summary', ...report });
      out.print(
        `${plural(report.snapshots.length, 'snapshot')} of ${report.host}, set ${report.set}, in ${report.region}`,
      );
      for (const one of report.snapshots) out.print(`  ${one.id}  ${one.device}  ${one.sizeGiB} GiB  ${one.state}`);
      out.say(
        flags.wait
          ? `next: hostark volume recover ${report.set} --region ${report.region} --name NEW`
          : 'EBS copies on by itself; run the same command again to wait for it',
      );
      return 0;
    }),
  );
};
