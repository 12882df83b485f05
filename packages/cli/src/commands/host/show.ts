/** `hostark host show NAME`. */
import { showHost } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { publicFacts } from '../../hosts/public-facts.ts';
import type { CommandCode } from '../../tree/command.ts';

export const show: CommandCode<CloudFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const host = publicFacts(await showHost(cloud.clients, cloud.ledger, name!, cloud));
    out.data(host);
    for (const [key, value] of Object.entries(host)) out.print(`${key.padEnd(16)} ${value ?? '-'}`);
    return 0;
  });
};
