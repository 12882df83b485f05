/** The host: does it run, can it be logged in to, does it have what the agent needs? Nothing is installed. */
import { showHost } from '@hostark/cloud';
import { chooseVia, openSession } from '../../hosts/session.ts';
import type { Check, Examination } from './check.ts';

/** What shipping an agent uses (docs/security.md): a shell, tar and gzip; and where its cache is, if it is. */
const LOOK =
  'for program in tar gzip; do command -v $program >/dev/null || echo "missing $program"; done; echo "machine $(uname -m)"';

export const host: Check = {
  name: 'host',
  needsCloud: true,
  async run({ cloud: open, flags }: Examination) {
    if (flags.host === undefined) return { state: 'skipped', found: 'no --host given' };
    const cloud = await open();
    const found = await showHost(cloud.clients, cloud.ledger, flags.host, { signal: cloud.signal });
    if (found.state !== 'running') {
      return {
        state: 'problem',
        found: `${found.name} is ${found.state}`,
        fix: `aws ec2 start-instances --instance-ids ${found.instanceId}`,
      };
    }
    const via = await chooseVia(found, 'auto');
    const session = await openSession(cloud, found);
    try {
      const { code, stdout } = await session.exec(LOOK, { signal: cloud.signal });
      const missing = [...stdout.matchAll(/^missing (.*)$/gm)].map(([, program]) => program);
      const machine = /^machine (.*)$/m.exec(stdout)?.[1] ?? 'unknown';
      if (code === 0 && missing.length === 0)
        return {
          state: 'ok',
          found: `${found.name} (${machine}) answers over ${via.toUpperCase()} and can run the agent`,
        };
      return {
        state: 'problem',
        found: `${found.name} (${machine}) lacks ${missing.join(', ') || 'a shell that works'}`,
        fix: `install ${missing.join(' and ')} there`,
      };
    } finally {
      await session.close();
    }
  },
};
