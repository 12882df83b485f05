/**
 * Has the disk read the first packs of a folder while the repository is opened: a check that reads everything needs them first,
 * and until the key is there, disk and processor have nothing else to do. For packs that go by way of the page cache.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { askAhead } from '@hostark/kernels';
import { isObjectName } from '@hostark/repository';
import { PackStreams } from '../disk/pack-streams.ts';

/** What two threads begin with, eight packs each (packs-abreast.ts): as much of each as the disk reads in that time. */
const PACKS = 16;
const BYTES_PER_PACK: number = 8 << 20;

/** `directory`: the root of the repository. Never throws: a check tells what is wrong with it. */
export function askForFirstPacks(directory: string): void {
  if (PackStreams.areAvailable) return;
  let left = PACKS;
  for (const shard of namesIn(join(directory, 'data'))) {
    for (const name of namesIn(join(directory, 'data', shard))) {
      if (!isObjectName(name)) continue;
      askAhead(join(directory, 'data', shard, name), BYTES_PER_PACK);
      if (--left === 0) return;
    }
  }
}

/** In the order in which packs are listed: by name. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
