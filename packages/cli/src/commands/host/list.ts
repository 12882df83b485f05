/** `hostark host list`. */
import { type Host, listHosts } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { publicFacts } from '../../hosts/public-facts.ts';
import { table } from '../../terminal/table.ts';
import type { CommandCode } from '../../tree/command.ts';

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
