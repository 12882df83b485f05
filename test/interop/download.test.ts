/** What `bucket download --snapshot` leaves behind, read by stock restic. */

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startSandbox } from '@hostark/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostarkOk, makeWorkspace } from '../support/hostark.ts';
import { withoutRestic } from '../support/oracles.ts';

describe.skipIf(withoutRestic)('a download of one snapshot', () => {
  const workspace = makeWorkspace('download-interop');
  let box: Awaited<ReturnType<typeof startSandbox>>;
  let env: Record<string, string>;
  const run = (...args: string[]): Promise<string> => hostarkOk(args, { env, cwd: workspace.root });
  const restic = (...args: string[]): string =>
    execFileSync('restic', ['--no-cache', ...args], { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' });

  beforeAll(async () => {
    box = await startSandbox({ directory: workspace.path('cloud'), durable: false });
    env = { ...workspace.env, ...box.environment(), RESTIC_PASSWORD: 'interop' };
    await run('bucket', 'create', 'downloads');
  });
  afterAll(async () => {
    await box?.stop();
    workspace.remove();
  });

  test.each(['1', '2'])(
    'of format version %s is checked and restored by stock restic, and backed up into',
    async (version) => {
      const prefix = `hosts/v${version}`;
      const repo = ['-r', `s3:${box.endpoint}/downloads/${prefix}`];
      const data = workspace.path(`data-${version}`);
      mkdirSync(join(data, 'sub'), { recursive: true });
      writeFileSync(join(data, 'first'), randomBytes(3_000_000));
      writeFileSync(join(data, 'sub/text'), 'line\n'.repeat(5000));
      await run('init', ...repo, '--repository-version', version);
      await run('backup', ...repo, data);
      rmSync(join(data, 'first'));
      writeFileSync(join(data, 'second'), randomBytes(2_000_000));
      await run('backup', ...repo, data);
      const copy = workspace.path(`copy-${version}`);
      await run('bucket', 'download', 'downloads', prefix, copy, '--snapshot', 'latest');
      expect(restic('-r', copy, 'check', '--read-data')).toContain('no errors were found');
      const [snapshot, ...others] = JSON.parse(restic('-r', copy, 'snapshots', '--json')) as { id: string }[];
      expect(others).toEqual([]);
      const back = workspace.path(`back-${version}`);
      restic('-r', copy, 'restore', snapshot!.id, '--target', back);
      expect(readFileSync(join(back, data, 'second'))).toEqual(readFileSync(join(data, 'second')));
      expect(readFileSync(join(back, data, 'sub/text'), 'utf8')).toBe('line\n'.repeat(5000));
      restic('-r', copy, 'backup', data);
      expect(restic('-r', copy, 'check')).toContain('no errors were found');
    },
  );
});
