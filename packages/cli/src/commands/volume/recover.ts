/** `hostark volume recover HOST|SET --name NEW`: a whole new host from the volume snapshots of another one. */
import type { HostRecoveryRequest } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { priceLines } from '../../hosts/launch-flags.ts';
import { publicFacts } from '../../hosts/public-facts.ts';
import { planRecovery, recoverFromVolumes } from '../../hosts/recover-volumes.ts';
import type { CommandCode } from '../../tree/command.ts';
import { priceLine } from './lines.ts';

interface RecoverFlags extends CloudFlags {
  readonly name: string;
  readonly fromRegion?: string;
  readonly kmsKey?: string;
  readonly type?: string;
  readonly zone?: string;
  readonly subnet?: string;
  readonly vpc?: string;
  readonly sshFrom?: string;
  /** False for --no-bucket. */
  readonly bucket?: string | false;
}

export const recover: CommandCode<RecoverFlags> = async (context, flags, [what]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const plan = await planRecovery(cloud, requestOf(what!, flags), flags.fromRegion ?? null);
    const lines = [...plan.steps, ...priceLines(plan.launch.price)];
    if (plan.copy !== null) lines.push(`copies: ${priceLine(plan.copy.price)}`);
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      for (const line of lines) out.print(line);
      return 0;
    }
    for (const line of lines) out.say(line);
    const host = await recoverFromVolumes(cloud, plan);
    out.data({ message_type: 'summary', host: publicFacts(host), set: plan.set, taken: plan.taken });
    out.print(
      `host ${host.name} runs as ${host.instanceId} at ${host.address}:${host.port}, as ${plan.source.host} was at ${plan.taken}`,
    );
    out.say(`to be rid of it: hostark host destroy ${host.name}`);
    return 0;
  });
};

function requestOf(what: string, flags: RecoverFlags): HostRecoveryRequest {
  return {
    what,
    name: flags.name,
    ...(flags.kmsKey === undefined ? {} : { kmsKey: flags.kmsKey }),
    ...(flags.type === undefined ? {} : { instanceType: flags.type }),
    ...(flags.zone === undefined ? {} : { zone: flags.zone }),
    ...(flags.subnet === undefined ? {} : { subnet: flags.subnet }),
    ...(flags.vpc === undefined ? {} : { vpc: flags.vpc }),
    ...(flags.sshFrom === undefined ? {} : { sshFrom: [flags.sshFrom] }),
    ...(typeof flags.bucket === 'string' ? { bucket: flags.bucket } : {}),
    ...(flags.bucket === false ? { keepBucket: false } : {}),
  };
}
