/** `hostark bucket download NAME DIR`: a repository as a local folder, verified and resumable. */
import { downloadRepository, showBucket } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { formatBytes, plural } from '../../terminal/format.ts';
import type { CommandCode } from '../../tree/command.ts';

interface DownloadFlags extends CloudFlags {
  readonly prefix?: string;
}

export const download: CommandCode<DownloadFlags> = async (context, flags, [name, directory]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const prefix = flags.prefix === undefined ? undefined : `${flags.prefix.replace(/^\/|\/$/g, '')}/`;
    const place = prefix === undefined ? {} : { prefix };
    const contents = await showBucket(cloud.clients, { name: name!, ...place }, cloud);
    const effort = `${plural(contents.objects, 'object')}, ${formatBytes(contents.bytes)}: about ${plural(contents.objects, 'request')}`;
    if (flags.dryRun) {
      out.data({ message_type: 'plan', objects: contents.objects, bytes: contents.bytes });
      out.print(`would download ${effort}`);
      return 0;
    }
    out.say(effort);
    const report = await downloadRepository(cloud.clients, { bucket: name!, directory: directory!, ...place }, cloud);
    out.data({ message_type: 'summary', ...report, directory });
    out.print(
      `${plural(report.objects, 'object')}, ${formatBytes(report.bytes)} in ${directory}, each verified against its name`,
    );
    if (report.kept > 0) out.print(`${plural(report.kept, 'object')} were there already`);
    out.say(`next: hostark check -r ${directory}, or stock restic: restic -r ${directory} snapshots`);
    return 0;
  });
};
