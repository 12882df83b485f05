/** `hostark host list`. */
import { listHosts, vanishedRecords } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import {
  describeHosts,
  type ListedHost,
  monthlyText,
  type VanishedHost,
  vanishedHost,
} from '../../hosts/listed-host.ts';
import { ageText } from '../../hosts/safe-to-destroy.ts';
import { formatBytes } from '../../terminal/format.ts';
import { table } from '../../terminal/table.ts';
import type { CommandCode } from '../../tree/command.ts';

const HEADING = [
  'NAME',
  'INSTANCE',
  'STATE',
  'STANDING',
  'TYPE',
  'ZONE',
  'ADDRESS',
  'BUCKET',
  'LAST BACKUP',
  'A MONTH',
];

export const list: CommandCode<CloudFlags & { readonly backups: boolean }> = async (context, flags) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const found = await listHosts(cloud.clients, cloud.ledger, cloud);
    const hosts = await describeHosts(cloud, found, flags.backups);
    const vanished = (await vanishedRecords(cloud.clients, cloud.ledger, found)).map(vanishedHost);
    out.data([...hosts, ...vanished]);
    if (hosts.length + vanished.length === 0)
      out.say('no hosts; launch one with: hostark host launch NAME --bucket BUCKET');
    else for (const line of table(HEADING, [...hosts.map(row), ...vanished.map(goneRow)])) out.print(line);
    if (vanished.length > 0)
      out.say(
        'vanished: this machine remembers it, the cloud has it no more; hostark host destroy NAME (or detach) forgets it',
      );
    return 0;
  });
};

function row(host: ListedHost): string[] {
  return [
    host.name,
    host.instanceId,
    host.state,
    host.standing,
    host.instanceType,
    host.zone ?? '-',
    host.address === null ? '-' : `${host.address}:${host.port}`,
    host.bucket ?? '-',
    lastText(host),
    monthlyText(host.price),
  ];
}

function goneRow(host: VanishedHost): string[] {
  return [host.name, host.instanceId ?? '-', host.state, host.standing, '-', '-', '-', host.bucket ?? '-', '-', '-'];
}

function lastText({ lastBackup, backupNote }: ListedHost): string {
  if (lastBackup === null) return backupNote === 'not looked for' ? '-' : (backupNote ?? '-');
  const size = lastBackup.bytes === null ? '' : ` ${formatBytes(lastBackup.bytes)}`;
  return `${lastBackup.snapshotId.slice(0, 8)} ${ageText(Date.now() - Date.parse(lastBackup.time))} ago${size}`;
}
