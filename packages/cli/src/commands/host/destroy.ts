/** `hostark host destroy NAME`: the host and all that was created for it; its backups stay. */
import { destroyHost, planDestroy } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { confirm } from '../../terminal/confirm.ts';
import type { CommandCode } from '../../tree/command.ts';

export const destroy: CommandCode<CloudFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const plan = await planDestroy(cloud.clients, cloud.ledger, name!, cloud);
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      for (const removal of plan.removals) out.print(`would delete ${removal.kind} ${removal.id}`);
      return 0;
    }
    for (const removal of plan.removals) out.say(`will delete ${removal.kind} ${removal.id}`);
    await confirm(context, flags.yes, `this destroys the host ${name} and its disks; its backups stay`, name!);
    const report = await destroyHost(cloud.clients, plan, cloud);
    out.data({ message_type: 'summary', ...report });
    out.print(`host ${name} is gone with ${report.removed.length} resources; its backups stay in the bucket`);
    return 0;
  });
};
