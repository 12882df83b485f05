/** `hostark host detach NAME`: undoes an adoption and leaves the host running. */
import { detachHost, planDetach, type Removal } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { confirm } from '../../terminal/confirm.ts';
import type { CommandCode } from '../../tree/command.ts';

export const detach: CommandCode<CloudFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const plan = await planDetach(cloud.clients, cloud.ledger, name!, cloud);
    const lines = plan.removals.map((removal) => undoing(removal, plan.restoredProfile));
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      for (const line of lines) out.print(`would ${line}`);
      return 0;
    }
    for (const line of lines) out.say(`will ${line}`);
    await confirm(context, flags.yes, `this ends the backups of ${name}; it goes on running, its backups stay`, name!);
    const report = await detachHost(cloud.clients, plan, cloud);
    out.data({
      message_type: 'summary',
      ...report,
      instanceId: plan.instanceId,
      restoredProfile: plan.restoredProfile,
    });
    out.print(
      plan.instanceId === null
        ? `host ${name}: its instance is gone; what was made for it is gone too`
        : `host ${name} is detached; ${plan.instanceId} runs on as it was, its backups stay in the bucket`,
    );
    return 0;
  });
};

function undoing({ kind, id }: Removal, restored: string | null): string {
  if (kind !== 'adoption') return `delete ${kind} ${id}`;
  return `take our tags and our instance profile off ${id}${restored === null ? '' : ` and put back ${restored}`}`;
}
