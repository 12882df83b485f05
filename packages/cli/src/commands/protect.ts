/** `hostark protect HOST PATH...`: a backup on the host, now. */
import { type CloudFlags, withCloud } from '../hosts/cloud.ts';
import { type ProtectReport, protectHost } from '../hosts/protect.ts';
import { formatBytes, plural } from '../terminal/format.ts';
import type { Output } from '../terminal/output.ts';
import type { CommandCode } from '../tree/command.ts';

interface ProtectFlags extends CloudFlags {
  readonly exclude?: string[];
  readonly tag?: string[];
}

export const protect: CommandCode<ProtectFlags> = async (context, flags, [host, ...targets]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const report = await protectHost(cloud, host!, {
      targets,
      onRecoveryKey: (key) => tellRecoveryKey(out, key),
      ...(flags.exclude === undefined ? {} : { excludes: flags.exclude }),
      ...(flags.tag === undefined ? {} : { tags: flags.tag.flatMap((list) => list.split(',')) }),
    });
    out.data({ message_type: 'summary', ...report });
    for (const line of reportLines(report)) out.print(line);
    if (report.errorCount > 0) return 3;
    out.say(`next: hostark recover ${report.snapshotId.slice(0, 8)} --from ${host} --to new`);
    return 0;
  });
};

function tellRecoveryKey(out: Output, key: string): void {
  out.data({ message_type: 'recovery_key', recovery_key: key });
  out.print(`recovery key: ${key}`);
  out.print(
    'Write it down and keep it elsewhere. It is shown this once; with it, stock restic opens the backups without this machine.',
  );
}

function reportLines(report: ProtectReport): string[] {
  const { summary } = report;
  const lines = [
    `snapshot ${report.snapshotId} saved`,
    `${plural(summary.total_files_processed ?? 0, 'file')}, ${formatBytes(summary.total_bytes_processed ?? 0)}; ` +
      `${summary.files_new} new, ${summary.files_changed} changed, ${formatBytes(report.bytesUploaded)} uploaded`,
  ];
  if (report.errorCount > 0) lines.push(`${plural(report.errorCount, 'item')} could not be saved, see above`);
  return lines;
}
