/** `hostark host launch | list | show | destroy`. */
import { destroyHost, type Host, launchHost, listHosts, planDestroy, planLaunch, showHost } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../hosts/cloud.ts';
import { type LaunchFlags, launchChoices, launchLines, priceLine } from '../hosts/launch-flags.ts';
import { confirm } from '../terminal/confirm.ts';
import { table } from '../terminal/table.ts';
import type { CommandCode } from '../tree/command.ts';

export const launch: CommandCode<CloudFlags & LaunchFlags & { readonly bucket: string }> = async (
  context,
  flags,
  [name],
) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const plan = await planLaunch(cloud.clients, { ...launchChoices(flags), name: name!, bucket: flags.bucket }, cloud);
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      for (const line of launchLines(plan)) out.print(line);
      return 0;
    }
    out.say(priceLine(plan));
    const host = await launchHost(cloud.clients, plan, cloud);
    out.data({ message_type: 'summary', host: publicFacts(host) });
    out.print(`host ${host.name} runs as ${host.instanceId} at ${host.address}:${host.port}`);
    out.say(`next: hostark protect ${host.name} PATH...`);
    return 0;
  });
};

export const list: CommandCode<CloudFlags> = async (context, flags) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const hosts = await listHosts(cloud.clients, cloud.ledger, cloud);
    out.data(hosts.map(publicFacts));
    if (hosts.length === 0) out.say('no hosts; launch one with: hostark host launch NAME --bucket BUCKET');
    else
      for (const line of table(['NAME', 'INSTANCE', 'STATE', 'TYPE', 'ZONE', 'ADDRESS', 'BUCKET'], hosts.map(row)))
        out.print(line);
    return 0;
  });
};

export const show: CommandCode<CloudFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const host = publicFacts(await showHost(cloud.clients, cloud.ledger, name!, cloud));
    out.data(host);
    for (const [key, value] of Object.entries(host)) out.print(`${key.padEnd(16)} ${value ?? '-'}`);
    return 0;
  });
};

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

function row(host: Host): string[] {
  return [
    host.name,
    host.instanceId,
    host.state,
    host.instanceType,
    host.zone ?? '-',
    host.address === null ? '-' : `${host.address}:${host.port}`,
    host.bucket ?? '-',
  ];
}

/** What is printed of a host: all but the place of its private key. */
function publicFacts({ privateKeyFile: _place, ...facts }: Host): Omit<Host, 'privateKeyFile'> {
  return facts;
}
