/** `hostark host show NAME`. */
import { showHost, vanishedRecords } from '@hostark/cloud';
import { isHostarkError } from '@hostark/protocol';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import {
  describeHosts,
  type ListedHost,
  monthlyText,
  type VanishedHost,
  vanishedHost,
} from '../../hosts/listed-host.ts';
import { backupLine } from '../../hosts/safe-to-destroy.ts';
import type { CommandCode } from '../../tree/command.ts';

export const show: CommandCode<CloudFlags & { readonly backups: boolean }> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const found = await showHost(cloud.clients, cloud.ledger, name!, cloud).catch(async (error: unknown) => {
      const gone = (await vanishedRecords(cloud.clients, cloud.ledger, [])).find((record) => record.name === name);
      if (!isHostarkError(error, 'host-not-found') || gone === undefined) throw error;
      return vanishedHost(gone);
    });
    const host = 'standing' in found ? found : (await describeHosts(cloud, [found], flags.backups))[0]!;
    out.data(host);
    for (const [key, value] of facts(host)) out.print(`${key.padEnd(16)} ${value ?? '-'}`);
    return 0;
  });
};

function facts(host: ListedHost | VanishedHost): [string, unknown][] {
  if (host.standing === 'vanished') return Object.entries(host);
  const { lastBackup, backupNote, price, hostKeys, ...plain } = host;
  return [
    ...Object.entries(plain),
    ...hostKeys.map((key): [string, string] => ['hostKey', key]),
    ['lastBackup', lastBackup === null ? backupNote : backupLine(lastBackup)],
    ...price.parts.map((part): [string, string] => [
      'a month',
      `${part.monthly === null ? 'not known' : `$${part.monthly.toFixed(2)}`} ${part.what}`,
    ]),
    ['a month in all', `${monthlyText(price)} (prices of ${price.asOf})`],
  ];
}
