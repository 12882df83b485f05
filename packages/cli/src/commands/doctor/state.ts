/** The state directory: who may read it, and what the ledger says was left behind. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { planCleanup } from '@hostark/cloud';
import { cloudPlace } from '../../hosts/cloud.ts';
import { plural } from '../../terminal/format.ts';
import type { Check, Examination } from './check.ts';

export const stateDirectory: Check = {
  name: 'state directory',
  async run({ context, flags }: Examination) {
    const { stateDirectory: folder, configDirectory } = cloudPlace(context, flags);
    const places = [folder, join(folder, 'ledger.jsonl'), join(folder, 'secrets'), join(configDirectory, 'state.key')];
    const open: string[] = [];
    let seen = 0;
    for (const place of places) {
      const found = await stat(place).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      });
      if (found === null) continue;
      seen++;
      const isForeign = process.getuid !== undefined && found.uid !== process.getuid();
      if ((found.mode & 0o077) !== 0 || isForeign) open.push(place);
    }
    if (open.length > 0) {
      return {
        state: 'problem',
        found: `others than you may get at ${open.join(', ')}`,
        fix: `chown -R "$(id -u)" ${open.join(' ')} && chmod -R go= ${open.join(' ')}`,
      };
    }
    return { state: 'ok', found: seen === 0 ? `${folder}: nothing there yet` : `${folder}: yours alone` };
  },
};

export const leftovers: Check = {
  name: 'leftovers',
  needsCloud: true,
  async run({ cloud }: Examination) {
    const { clients, ledger, signal } = await cloud();
    const { removals, foreign } = await planCleanup(clients, ledger, { signal });
    const others = foreign.length === 0 ? '' : `; ${plural(foreign.length, 'resource')} of other state directories`;
    if (removals.length === 0) return { state: 'ok', found: `none of this machine${others}` };
    return {
      state: 'problem',
      found: `${plural(removals.length, 'resource')} left behind by killed runs${others}`,
      fix: 'hostark cleanup',
    };
  },
};
