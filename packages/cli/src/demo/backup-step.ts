/** Step 3: two backups on the host with the instance's own credentials, and the record that the proof is held against. */
import type { ManifestEntry } from '@hostark/archive';
import { storeOf } from '../hosts/access.ts';
import { type ProtectReport, runBackup } from '../hosts/protect.ts';
import { formatBytes, plural } from '../terminal/format.ts';
import type { DemoHost } from './host-step.ts';
import { recordOnHost } from './record.ts';
import { CHANGES_SCRIPT, runScript } from './scripts.ts';
import type { DemoState, Say } from './stage.ts';

/** What was on the host when it was last backed up. */
export interface DemoRecord {
  readonly snapshotId: string;
  /** The folder that was saved, an absolute path on the host. */
  readonly data: string;
  readonly manifest: readonly ManifestEntry[];
  readonly prefix: string;
  readonly recoveryKey: string;
  readonly bytesMoved: number;
}

export async function backupStep(state: DemoState, source: DemoHost, say: Say): Promise<DemoRecord> {
  const { cloud } = state;
  const { host, session, agent, data } = source;
  const first = await runBackup(cloud, agent, host, { targets: [data] });
  say(`first backup: ${describe(first)}`);
  say(await runScript(session, CHANGES_SCRIPT, cloud.signal, { DATA: data }).then((text) => text.trim()));
  const second = await runBackup(cloud, agent, host, { targets: [data] });
  say(`second backup: ${describe(second)}`);
  const manifest = await recordOnHost(agent, data, cloud.signal);
  say(`recorded content and metadata of ${plural(manifest.length, 'item')} on the host, for the comparison at the end`);
  await session.close();
  return {
    snapshotId: second.snapshotId,
    data,
    manifest,
    prefix: storeOf(host).prefix,
    recoveryKey: first.recoveryKey ?? '',
    bytesMoved: first.bytesUploaded + second.bytesUploaded,
  };
}

function describe({ summary, snapshotId, bytesUploaded }: ProtectReport): string {
  return (
    `snapshot ${snapshotId.slice(0, 8)}, ${plural(summary.total_files_processed ?? 0, 'file')}, ` +
    `${summary.files_new} new, ${summary.files_changed} changed, ${summary.files_unmodified} unchanged, ${formatBytes(bytesUploaded)} uploaded`
  );
}
