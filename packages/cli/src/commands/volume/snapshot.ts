/** `hostark volume snapshot HOST`: all volumes of a host at one moment. */
import { planVolumeSnapshot, runVolumeSnapshot, showHost, type VolumeSnapshotPlan } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { type Cloud, type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { mountsOfVolumes, whileFrozen } from '../../hosts/freeze.ts';
import { openSession } from '../../hosts/session.ts';
import { plural } from '../../terminal/format.ts';
import type { Output } from '../../terminal/output.ts';
import type { CommandCode } from '../../tree/command.ts';
import { priceLine } from './lines.ts';

interface SnapshotFlags extends CloudFlags {
  readonly freeze?: boolean;
  readonly wait: boolean;
}

export const snapshot: CommandCode<SnapshotFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const plan = await planVolumeSnapshot(cloud.clients, cloud.ledger, name!, cloud);
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      for (const step of plan.steps) out.print(step);
      out.print(priceLine(plan.price));
      return 0;
    }
    out.say(priceLine(plan.price));
    const report = flags.freeze === true ? await takeFrozen(cloud, plan, flags, out) : await run(cloud, plan, flags);
    out.data({ message_type: 'summary', ...report });
    out.print(
      `set ${report.set}: ${plural(report.snapshots.length, 'snapshot')} of ${report.host}, ${standing(report.consistency)}`,
    );
    for (const one of report.snapshots) out.print(`  ${one.id}  ${one.device}  ${one.sizeGiB} GiB  ${one.state}`);
    out.say(
      `next: hostark volume copy ${report.set} --to-region REGION, or hostark volume recover ${report.set} --name NEW`,
    );
    return 0;
  });
};

function standing(consistency: 'frozen' | 'crash'): string {
  return consistency === 'frozen' ? 'data volumes frozen at that moment' : 'as a sudden power cut would have left them';
}

type Report = Awaited<ReturnType<typeof runVolumeSnapshot>>;

function run(cloud: Cloud, plan: VolumeSnapshotPlan, flags: SnapshotFlags): Promise<Report> {
  return runVolumeSnapshot(cloud.clients, plan, { ...cloud, wait: flags.wait });
}

/** Logs in first: a host that cannot be reached is known before anything is created. */
async function takeFrozen(cloud: Cloud, plan: VolumeSnapshotPlan, flags: SnapshotFlags, out: Output): Promise<Report> {
  const data = plan.volumes.filter((volume) => !volume.root);
  if (data.length === 0) {
    throw new HostarkError('usage', `--freeze: host ${plan.host} has no data volume, and its root is never frozen`, {
      hint: 'leave --freeze out; hostark protect --pre stops what must not write',
    });
  }
  const host = await showHost(cloud.clients, cloud.ledger, plan.host, cloud);
  const session = await openSession(cloud, host);
  try {
    const mounts = await mountsOfVolumes(session, data, { signal: cloud.signal });
    if (mounts.length === 0) {
      throw new HostarkError('usage', `--freeze: host ${plan.host} has mounted no file system of its data volumes`, {
        hint: 'leave --freeze out: what is not mounted is not written either',
      });
    }
    return await runVolumeSnapshot(cloud.clients, plan, {
      ...cloud,
      wait: flags.wait,
      whileFrozen: async (take) => {
        const { held, milliseconds } = await whileFrozen(session, mounts, take, { signal: cloud.signal });
        out.say(`${mounts.join(', ')} stood still for ${Math.round(milliseconds)} ms`);
        if (!held)
          out.warn(`${mounts.join(', ')} thawed before EBS had answered: the set is as good as without --freeze`);
        return held;
      },
    });
  } finally {
    await session.close();
  }
}
