/** `hostark protect HOST PATH...`: a backup on the host, now. */
import { showHost } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import type { CommandContext } from '../context.ts';
import { knownAccess, repositoryLocation, storeOf } from '../hosts/access.ts';
import type { RemoteAgent } from '../hosts/agent.ts';
import { type Cloud, type CloudFlags, withCloud } from '../hosts/cloud.ts';
import {
  type ProtectReport,
  type ProtectRequest,
  protectHost,
  type RehearsalReport,
  rehearseBackup,
  withAgent,
} from '../hosts/protect.ts';
import { type ProtectFlags, protectRequest } from '../hosts/protect-flags.ts';
import { describeProtect, type ProtectPlan } from '../hosts/protect-plan.ts';
import { formatBytes, plural } from '../terminal/format.ts';
import type { Output } from '../terminal/output.ts';
import type { CommandCode } from '../tree/command.ts';

export const protect: CommandCode<CloudFlags & ProtectFlags> = async (context, flags, [host, ...targets]) => {
  const { out } = context;
  const request: ProtectRequest = {
    ...(await protectRequest(flags, targets, context.io)),
    onRecoveryKey: (key) => tellRecoveryKey(out, key),
  };
  return withCloud(context, flags, async (cloud) => {
    if (flags.dryRun) return rehearse(context, cloud, host!, request);
    const report = await protectHost(cloud, host!, request);
    out.data({ message_type: 'summary', ...report });
    for (const line of reportLines(report)) out.print(line);
    if (report.postFailure !== null) {
      throw new HostarkError('hook-failed', `snapshot ${report.snapshotId} is saved, but ${report.postFailure}`, {
        hint: 'the backup is good; look after what --post was to do',
        context: { hook: 'post', snapshot: report.snapshotId },
      });
    }
    if (report.errorCount > 0) return 3;
    out.say(`next: hostark recover ${report.snapshotId.slice(0, 8)} --from ${host} --to new`);
    return 0;
  });
};

/** Says what would be run and where it would go, and has the agent find out what would be saved. */
async function rehearse({ out }: CommandContext, cloud: Cloud, name: string, request: ProtectRequest): Promise<number> {
  const host = await showHost(cloud.clients, cloud.ledger, name, { signal: cloud.signal });
  const store = storeOf(host);
  const access = await knownAccess(cloud, store);
  const { onRecoveryKey: _, ...asked } = request;
  const plan: ProtectPlan = {
    kind: 'protect',
    host: host.name,
    instanceId: host.instanceId,
    repository: repositoryLocation(cloud, store),
    createsRepository: access === null,
    ...asked,
  };
  out.data({ message_type: 'plan', plan });
  for (const line of describeProtect(plan)) out.print(line);
  // What a dump prints is not known without running it, and running it is what a dry run is not.
  if (request.stream !== undefined) return 0;
  const rehearsal = (agent: RemoteAgent): Promise<RehearsalReport> =>
    rehearseBackup(cloud, agent, host, request, access);
  const found = await withAgent(cloud, host, rehearsal, request.via);
  out.data({ message_type: 'summary', dry_run: true, ...found });
  for (const line of rehearsalLines(found)) out.print(line);
  return found.errorCount > 0 ? 3 : 0;
}

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

function rehearsalLines({ summary, errorCount }: RehearsalReport): string[] {
  const lines = [
    `would save ${plural(summary.total_files_processed ?? 0, 'file')}, ${formatBytes(summary.total_bytes_processed ?? 0)}; ` +
      `${summary.files_new} new, ${summary.files_changed} changed, ${formatBytes(summary.data_added_packed ?? 0)} to upload`,
  ];
  if (errorCount > 0) lines.push(`${plural(errorCount, 'item')} could not be saved, see above`);
  lines.push('dry run: nothing was written');
  return lines;
}
