/** `hostark volume create SNAPSHOT --zone ZONE`. */
import { planVolumeCreate, runVolumeCreate, type VolumeCreateRequest } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { wholeNumber } from '../../repository/settings.ts';
import type { CommandCode } from '../../tree/command.ts';
import { priceLine } from './lines.ts';

interface CreateFlags extends CloudFlags {
  readonly zone: string;
  readonly type?: string;
  readonly size?: string;
  readonly iops?: string;
  readonly encrypted?: boolean;
  readonly kmsKey?: string;
}

export const create: CommandCode<CreateFlags> = async (context, flags, [snapshot]) => {
  const { out } = context;
  const request: VolumeCreateRequest = {
    snapshot: snapshot!,
    zone: flags.zone,
    ...(flags.type === undefined ? {} : { type: flags.type }),
    ...(flags.size === undefined ? {} : { sizeGiB: wholeNumber(flags.size, '--size', { min: 1, max: 65_536 }) }),
    ...(flags.iops === undefined ? {} : { iops: wholeNumber(flags.iops, '--iops', { min: 100, max: 256_000 }) }),
    ...(flags.encrypted === undefined ? {} : { encrypted: flags.encrypted }),
    ...(flags.kmsKey === undefined ? {} : { kmsKey: flags.kmsKey }),
  };
  return withCloud(context, flags, async (cloud) => {
    const plan = await planVolumeCreate(cloud.clients, cloud.ledger, request, cloud);
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      for (const step of plan.steps) out.print(step);
      out.print(priceLine(plan.price, ''));
      return 0;
    }
    out.say(priceLine(plan.price, ''));
    const volume = await runVolumeCreate(cloud.clients, plan, cloud);
    out.data({ message_type: 'summary', volume, zone: plan.zone, snapshot: plan.snapshot });
    out.print(`volume ${volume} in ${plan.zone}, ${plan.sizeGiB} GiB ${plan.type}`);
    out.say(`next: hostark volume attach ${volume} HOST`);
    return 0;
  });
};
