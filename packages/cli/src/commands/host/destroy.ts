/** `hostark host destroy NAME`: the host and all that was created for it; its backups stay, and must be there. */
import { destroyHost, planDestroy } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { backupLine, backupStanding, maxAgeMs } from '../../hosts/safe-to-destroy.ts';
import { confirm } from '../../terminal/confirm.ts';
import type { CommandCode } from '../../tree/command.ts';

interface DestroyFlags extends CloudFlags {
  readonly maxAge: string;
  readonly withoutBackup?: boolean;
  readonly adopted?: boolean;
}

export const destroy: CommandCode<DestroyFlags> = async (context, flags, [name]) => {
  const { out } = context;
  const maxAge = maxAgeMs(flags.maxAge);
  return withCloud(context, flags, async (cloud) => {
    const plan = await planDestroy(cloud.clients, cloud.ledger, name!, { ...cloud, adopted: flags.adopted ?? false });
    const { objection, backup } =
      flags.withoutBackup === true ? { objection: null, backup: null } : await backupStanding(cloud, plan, maxAge);
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan, backup, refused: objection });
      for (const removal of plan.removals) out.print(`would delete ${removal.kind} ${removal.id}`);
      if (backup !== null) out.print(`newest backup: ${backupLine(backup)}`);
      if (objection !== null) out.print(`would refuse: ${objection}`);
      return 0;
    }
    if (objection !== null) {
      throw new HostarkError('not-healthy', objection, {
        hint: `nothing was deleted; first: hostark protect ${name} PATH... (or --max-age, or --without-backup to lose what no backup holds)`,
      });
    }
    if (backup !== null) out.say(`newest backup, found whole: ${backupLine(backup)}`);
    for (const removal of plan.removals) out.say(`will delete ${removal.kind} ${removal.id}`);
    await confirm(context, flags.yes, `this destroys the host ${name} and its disks; its backups stay`, name!);
    const report = await destroyHost(cloud.clients, plan, cloud);
    out.data({ message_type: 'summary', ...report, backup });
    out.print(`host ${name} is gone with ${report.removed.length} resources; its backups stay in the bucket`);
    return 0;
  });
};
