/** Steps 3 and 4: a backup of both volumes' files into the bucket of the other region, and copies of the volumes there. */
import { planVolumeCopy, planVolumeSnapshot, runVolumeCopy, runVolumeSnapshot } from '@hostark/cloud';
import { storeOf } from '../../hosts/access.ts';
import { runBackup } from '../../hosts/protect.ts';
import { formatBytes, plural } from '../../terminal/format.ts';
import { recordOnHost } from '../record.ts';
import type { Say } from '../stage.ts';
import type { LoadedHost } from './host-step.ts';
import { HOST, type RegionsRecord, type RegionsState } from './state.ts';

export async function saveFilesStep({ home }: RegionsState, source: LoadedHost, say: Say): Promise<RegionsRecord> {
  const { cloud } = home;
  const { agent, folders, host } = source;
  const report = await runBackup(cloud, agent, host, { targets: [folders.root, folders.data] });
  say(
    `snapshot ${report.snapshotId.slice(0, 8)} of both volumes' files, ${formatBytes(report.bytesUploaded)} uploaded across regions`,
  );
  const manifests = {
    root: await recordOnHost(agent, folders.root, cloud.signal),
    data: await recordOnHost(agent, folders.data, cloud.signal),
  };
  const items = manifests.root.length + manifests.data.length;
  say(`recorded content and metadata of ${plural(items, 'item')} on the host, for the comparison at the end`);
  const { prefix } = storeOf(host);
  return { snapshotId: report.snapshotId, folders, manifests, prefix, bytesMoved: report.bytesUploaded };
}

export interface SavedVolumes {
  readonly set: string;
  readonly bytesMoved: number;
}

export async function copyVolumesStep({ home, refuge }: RegionsState, say: Say): Promise<SavedVolumes> {
  const { cloud } = home;
  const quiet = { ...cloud, onEvent: () => {} };
  const plan = await planVolumeSnapshot(cloud.clients, cloud.ledger, HOST, quiet);
  const taken = await runVolumeSnapshot(cloud.clients, plan, quiet);
  say(`set ${taken.set}: ${plan.volumes.map((volume) => volume.device).join(' and ')} at one moment`);
  const copy = await planVolumeCopy(cloud.clients, refuge.cloud.clients, { what: taken.set }, quiet);
  const copied = await runVolumeCopy(refuge.cloud.clients, copy, quiet);
  for (const one of copied.snapshots)
    say(`${one.device} is in ${one.region} as ${one.id}, ${one.encrypted ? 'encrypted' : 'not encrypted'}`);
  const bytes = copied.snapshots.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
  return { set: taken.set, bytesMoved: bytes };
}
