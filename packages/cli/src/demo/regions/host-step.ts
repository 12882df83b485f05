/** Step 2: a host in the home region with a root volume and a data volume, and files of every kind on both. */
import { formatBytes, plural } from '../../terminal/format.ts';
import type { DemoBucket } from '../bucket-step.ts';
import { launchWithAgent, unpack } from '../host-step.ts';
import { ODDITIES_SCRIPT, runScript } from '../scripts.ts';
import type { Say } from '../stage.ts';
import { DATA_DEVICE, type Folders, foldersOf, HOST, type RegionsState, type RunningHost } from './state.ts';

export interface LoadedHost extends RunningHost {
  readonly folders: Folders;
  readonly bytesMoved: number;
}

export async function loadedHostStep({ home }: RegionsState, bucket: DemoBucket, say: Say): Promise<LoadedHost> {
  const { signal } = home.cloud;
  const volumes = [{ sizeGiB: 8, device: DATA_DEVICE }];
  const launched = await launchWithAgent(home, bucket, HOST, `hosts/${HOST}/`, say, { volumes });
  const folders = await foldersOf(launched.session, signal);
  const chosen = home.data;
  say(
    `data volume ${DATA_DEVICE}: ${plural(chosen.files, 'file')}, ${formatBytes(chosen.bytes)} from ${chosen.origin}`,
  );
  await unpack(launched.session, folders.data, chosen, signal);
  await runScript(launched.session, 'mkdir -p "$DATA" && head -c 5000000 /dev/urandom > "$DATA/random"', signal, {
    DATA: folders.root,
  });
  for (const folder of [folders.root, folders.data]) {
    const made = await runScript(launched.session, ODDITIES_SCRIPT, signal, { DATA: folder });
    say(`${folder}: ${made.trim().split('\n').at(-1)}`);
  }
  return { ...launched, folders, bytesMoved: chosen.bytes };
}
