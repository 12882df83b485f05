/**
 * Step 5: the repository is downloaded and checked with no cloud at all; one file, one folder and the whole tree come
 * back, the whole tree onto a new host; everything is compared with the record taken before the loss.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compareManifests, describeMismatch } from '@hostark/archive';
import { destroyHost, downloadRepository, planDestroy } from '@hostark/cloud';
import { runRestore } from '../hosts/recover.ts';
import { formatBytes, plural } from '../terminal/format.ts';
import type { DemoRecord } from './backup-step.ts';
import type { DemoBucket } from './bucket-step.ts';
import { leftovers } from './destroy-step.ts';
import { launchWithAgent } from './host-step.ts';
import { checkLocally, restoreLocally } from './local-restore.ts';
import { compareBelow, pickParts } from './parts.ts';
import { recordOnHost } from './record.ts';
import type { DemoState, Say } from './stage.ts';

export interface Proof {
  /** Items (files, folders, links…) that the record holds, and their content bytes. */
  readonly files: number;
  readonly bytes: number;
  readonly verified: number;
  readonly mismatches: number;
  readonly leftovers: number;
  readonly repository: string;
  readonly passwordFile: string;
  readonly bytesMoved: number;
}

const NEW_HOST = 'web-1-recovered';
/** At most so many differences are printed; all are counted. */
const SHOWN_DIFFERENCES = 20;

export async function recoverStep(state: DemoState, bucket: DemoBucket, record: DemoRecord, say: Say): Promise<Proof> {
  const { cloud, directory } = state;
  const quiet = { ...cloud, onEvent: () => {} };
  const repository = join(directory, 'repository');
  const passwordFile = join(directory, 'recovery-key');
  await writeFile(passwordFile, `${record.recoveryKey}\n`, { mode: 0o600 });
  const download = await downloadRepository(
    cloud.clients,
    { bucket: bucket.name, prefix: record.prefix, directory: repository },
    cloud,
  );
  say(`downloaded ${plural(download.objects, 'object')}, ${formatBytes(download.bytes)} to ${repository}`);

  const local = { repository, password: record.recoveryKey, signal: cloud.signal, onEvent: cloud.onEvent };
  const checked = await checkLocally(local);
  say(
    `checked without the cloud: ${plural(checked.packs, 'pack')} read, ${plural(checked.blobs, 'blob')} verified, no error`,
  );
  const { file, folder } = pickParts(record.manifest);
  const differences: string[] = [];
  for (const [what, part] of [
    ['file', file],
    ['folder', folder],
  ] as const) {
    const target = join(directory, `restored-${what}`);
    await restoreLocally(local, record.snapshotId, target, `${record.data}/${part}`);
    differences.push(...(await compareBelow(record.manifest, part, `${target}${record.data}/${part}`)));
    say(`one ${what} restored here and compared: ${record.data}/${part}`);
    await rm(target, { recursive: true, force: true });
  }

  const replacement = await launchWithAgent(state, bucket, NEW_HOST, record.prefix, say);
  const restored = await runRestore(
    cloud,
    replacement.agent,
    { host: 'web-1', bucket: bucket.name, prefix: record.prefix },
    { snapshot: record.snapshotId, target: '/', includes: [record.data] },
  );
  say(
    `whole tree restored on ${replacement.host.name}: ${plural(restored.filesRestored, 'file')}, ${formatBytes(restored.bytesRestored)}`,
  );
  const found = await recordOnHost(replacement.agent, record.data, cloud.signal);
  differences.push(...compareManifests(record.manifest, found).map(describeMismatch));
  say(
    `compared ${plural(found.length, 'item')} with the record: ${differences.length === 0 ? 'no difference' : plural(differences.length, 'difference')}`,
  );
  for (const difference of differences.slice(0, SHOWN_DIFFERENCES)) say(`  ${difference}`);

  await replacement.session.close();
  await destroyHost(cloud.clients, await planDestroy(cloud.clients, cloud.ledger, NEW_HOST, quiet), quiet);
  const left = await leftovers(state, bucket);
  for (const name of left) say(`left over: ${name}`);
  return {
    files: record.manifest.length,
    bytes: record.manifest.reduce((sum, entry) => sum + Number(entry.size ?? 0), 0),
    verified: differences.length === 0 ? found.length : Math.max(0, found.length - differences.length),
    mismatches: differences.length,
    leftovers: left.length,
    repository,
    passwordFile,
    bytesMoved: download.bytes + restored.bytesRestored,
  };
}
