/** `hostark host launch NAME --bucket BUCKET`. */
import { launchHost, planLaunch } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { type LaunchFlags, launchChoices, launchLines } from '../../hosts/launch-flags.ts';
import { publicFacts } from '../../hosts/public-facts.ts';
import { openSession } from '../../hosts/session.ts';
import type { CommandCode } from '../../tree/command.ts';

interface HostFlags extends CloudFlags, LaunchFlags {
  readonly bucket: string;
  /** False with --no-wait. */
  readonly wait?: boolean;
}

export const launch: CommandCode<HostFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const plan = await planLaunch(cloud.clients, { ...launchChoices(flags), name: name!, bucket: flags.bucket }, cloud);
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      for (const line of launchLines(plan)) out.print(line);
      return 0;
    }
    for (const line of launchLines(plan)) out.say(line);
    const host = await launchHost(cloud.clients, plan, cloud);
    if (flags.wait !== false) await (await openSession(cloud, host)).close();
    out.data({ message_type: 'summary', host: publicFacts(host) });
    out.print(`host ${host.name} runs as ${host.instanceId} at ${host.address}:${host.port}`);
    out.say(`next: hostark protect ${host.name} PATH...`);
    return 0;
  });
};
