/** `hostark volume attach VOLUME HOST` and `hostark volume detach VOLUME`. */
import { planVolumeAttach, planVolumeDetach, runVolumeAttach, runVolumeDetach } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import type { CommandCode } from '../../tree/command.ts';

export const attach: CommandCode<CloudFlags & { readonly device?: string }> = async (
  context,
  flags,
  [volume, host],
) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const device = flags.device === undefined ? {} : { device: flags.device };
    const plan = await planVolumeAttach(
      cloud.clients,
      cloud.ledger,
      { volume: volume!, host: host!, ...device },
      cloud,
    );
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      for (const step of plan.steps) out.print(`would ${step}`);
      return 0;
    }
    await runVolumeAttach(cloud.clients, plan, cloud);
    out.data({ message_type: 'summary', volume, host, instance: plan.instanceId, device: plan.device });
    out.print(`volume ${volume} is ${plan.device} of ${host}`);
    out.say('next, on the host: lsblk -o NAME,SERIAL,FSTYPE finds it, mount makes it a folder');
    return 0;
  });
};

export const detach: CommandCode<CloudFlags> = async (context, flags, [volume]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const plan = await planVolumeDetach(cloud.clients, volume!, cloud);
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      for (const step of plan.steps) out.print(`would ${step}`);
      return 0;
    }
    await runVolumeDetach(cloud.clients, plan, cloud);
    out.data({ message_type: 'summary', volume, instance: plan.instanceId, device: plan.device });
    out.print(`volume ${volume} is free; it was ${plan.device} of ${plan.instanceId}`);
    return 0;
  });
};
