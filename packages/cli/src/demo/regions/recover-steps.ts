/**
 * Steps 6 and 7: the host comes back twice in the other region, once as it was from the copies of its volumes, once as a
 * fresh host whose files come from the repository. Both are compared with the record taken before the loss.
 */
import { basename, dirname } from 'node:path';
import { compareManifests, describeMismatch } from '@hostark/archive';
import { destroyHost, planDestroy } from '@hostark/cloud';
import { installAgent } from '../../hosts/agent.ts';
import { runRestore } from '../../hosts/recover.ts';
import { planRecovery, recoverFromVolumes } from '../../hosts/recover-volumes.ts';
import { openSession } from '../../hosts/session.ts';
import { formatBytes, plural } from '../../terminal/format.ts';
import type { DemoBucket } from '../bucket-step.ts';
import { launchWithAgent } from '../host-step.ts';
import { recordOnHost } from '../record.ts';
import type { DemoState, Say } from '../stage.ts';
import type { SavedVolumes } from './save-step.ts';
import { DATA_DEVICE, type Folders, foldersOf, HOST, PLACES, type RegionsRecord, type RunningHost } from './state.ts';

/** One way back, and what it brought. */
export interface Return {
  readonly way: string;
  readonly host: string;
  readonly items: number;
  readonly bytes: number;
  readonly mismatches: number;
  readonly bytesMoved: number;
}

/** At most so many differences are printed; all are counted. */
const SHOWN_DIFFERENCES = 20;

export async function fromVolumesStep(
  state: DemoState,
  saved: SavedVolumes,
  record: RegionsRecord,
  say: Say,
): Promise<Return> {
  const { cloud } = state;
  const quiet = { ...cloud, onEvent: () => {} };
  const plan = await planRecovery(quiet, { what: HOST, name: `${HOST}-volumes` }, null);
  const host = await recoverFromVolumes(quiet, plan);
  say(
    `${host.name} runs in ${host.zone} as ${host.instanceId}, from set ${saved.set}; the image between is gone again`,
  );
  const session = await openSession(cloud, host, 'ssh');
  try {
    const agent = await installAgent(cloud, session, { signal: cloud.signal });
    say(
      agent.bytesSent === 0
        ? 'logged in, host key verified; the agent came back with the root volume'
        : 'logged in, host key verified',
    );
    const found = await compare(state, { host, session, agent }, await foldersOf(session, cloud.signal), record, say);
    return { ...found, way: 'volume copies', host: host.name, bytesMoved: saved.bytesMoved };
  } finally {
    await session.close();
  }
}

export async function fromRepositoryStep(
  state: DemoState,
  bucket: DemoBucket,
  record: RegionsRecord,
  say: Say,
): Promise<Return> {
  const { cloud } = state;
  const volumes = [{ sizeGiB: 8, device: DATA_DEVICE }];
  const fresh = await launchWithAgent(state, bucket, `${HOST}-files`, record.prefix, say, { volumes });
  try {
    const folders = await foldersOf(fresh.session, cloud.signal);
    const store = { host: HOST, bucket: bucket.name, prefix: record.prefix };
    let bytesMoved = 0;
    for (const place of PLACES) {
      // The folder itself, with its own attributes, below its parent: hosts differ in where that is.
      const [from, to] = [dirname(record.folders[place]), dirname(folders[place])];
      const part = { snapshot: `${record.snapshotId}:${from}`, includes: [`/${basename(folders[place])}`], target: to };
      const restored = await runRestore(cloud, fresh.agent, store, part);
      say(
        `${folders[place]}: ${plural(restored.filesRestored, 'file')}, ${formatBytes(restored.bytesRestored)} restored and read back`,
      );
      bytesMoved += restored.bytesRestored;
    }
    const found = await compare(state, fresh, folders, record, say);
    return { ...found, way: 'repository', host: fresh.host.name, bytesMoved };
  } finally {
    await fresh.session.close();
  }
}

async function compare(
  { cloud }: DemoState,
  { agent }: RunningHost,
  folders: Folders,
  record: RegionsRecord,
  say: Say,
): Promise<Pick<Return, 'items' | 'bytes' | 'mismatches'>> {
  let [items, bytes, mismatches] = [0, 0, 0];
  for (const place of PLACES) {
    const before = record.manifests[place];
    const found = await recordOnHost(agent, folders[place], cloud.signal);
    const differences = compareManifests(before, found).map(describeMismatch);
    say(
      `compared ${plural(found.length, 'item')} of ${folders[place]} with the record: ${differences.length === 0 ? 'no difference' : plural(differences.length, 'difference')}`,
    );
    for (const difference of differences.slice(0, SHOWN_DIFFERENCES)) say(`  ${difference}`);
    items += before.length;
    bytes += before.reduce((sum, entry) => sum + Number(entry.size ?? 0), 0);
    mismatches += differences.length;
  }
  return { items, bytes, mismatches };
}

/** Destroys what came back. */
export async function destroyReturned({ cloud }: DemoState, returns: readonly Return[]): Promise<void> {
  const quiet = { ...cloud, onEvent: () => {} };
  for (const { host } of returns)
    await destroyHost(cloud.clients, await planDestroy(cloud.clients, cloud.ledger, host, quiet), quiet);
}
