/** `hostark cleanup`: finds and removes what killed runs left in the cloud. */
import { planCleanup, runCleanup } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../hosts/cloud.ts';
import { confirm } from '../terminal/confirm.ts';
import { plural } from '../terminal/format.ts';
import type { CommandCode } from '../tree/command.ts';

export const cleanup: CommandCode<CloudFlags & { readonly foreign?: boolean }> = async (context, flags) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const plan = await planCleanup(cloud.clients, cloud.ledger, { ...cloud, includeForeign: flags.foreign ?? false });
    for (const removal of plan.kept) out.say(`keep    ${removal.kind} ${removal.id}: ${removal.reason}`);
    for (const removal of plan.foreign)
      out.say(`ignore  ${removal.kind} ${removal.id}: made from another state directory`);
    for (const removal of plan.removals) out.print(`remove  ${removal.kind} ${removal.id}`);
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      return 0;
    }
    if (plan.removals.length > 0)
      await confirm(context, flags.yes, `this removes ${plural(plan.removals.length, 'resource')}`, 'remove');
    // Also when nothing is to be removed: the ledger and the records of this machine are brought up to date.
    const report = await runCleanup(cloud.clients, plan, cloud);
    out.data({ message_type: 'summary', ...report });
    out.say(
      plan.removals.length === 0 ? 'nothing was left behind' : `${plural(report.removed.length, 'resource')} removed`,
    );
    return 0;
  });
};
