/** What a command may take is what it takes: bandwidth and CPU time of the real program, as the clock and the kernel see them. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describe as endOf, hostarkOk, MAIN, makeWorkspace, start } from '../support/hostark.ts';

const MIB = 1 << 20;

describe('limits', () => {
  const workspace = makeWorkspace('limits');
  const repository = workspace.path('repo');
  const env = { ...workspace.env, RESTIC_PASSWORD: 'limits', RESTIC_REPOSITORY: repository };
  const seconds = async (...args: string[]): Promise<number> => {
    const before = performance.now();
    await hostarkOk(args, { env });
    return (performance.now() - before) / 1000;
  };

  beforeAll(async () => {
    mkdirSync(workspace.path('small'));
    writeFileSync(workspace.path('small/file'), randomBytes(3 * MIB));
    mkdirSync(workspace.path('large'));
    writeFileSync(workspace.path('large/file'), randomBytes(64 * MIB));
    await hostarkOk(['init'], { env });
  });
  afterAll(() => workspace.remove());

  test('uploads and downloads are no faster than they may be, also when everything fits into one pack', async () => {
    // 3 MiB at 2 MiB a second.
    expect(await seconds('backup', workspace.path('small'), '--limit-upload', '2048')).toBeGreaterThan(1.5 * 0.95);
    const out = workspace.path('back');
    expect(await seconds('restore', 'latest', '-t', out, '--limit-download', '2048')).toBeGreaterThan(1.5 * 0.95);
  });

  /** Runs a command under a limit of half a core and returns how much of a core it took, all threads together. */
  async function cores(...args: string[]): Promise<number> {
    const before = performance.now();
    const words = ['"$@" --max-cpu 0.5 >/dev/null && times', 'sh', process.execPath, MAIN, ...args];
    const ended = await start('sh', ['-c', ...words], { env }).ended;
    const wall = (performance.now() - before) / 1000;
    if (ended.code !== 0) throw new Error(endOf(ended));
    // The second line is that of the children: user and system, as in 0m1.230s 0m0.100s.
    const times = ended.stdout
      .split('\n')[1]!
      .match(/(\d+)m([\d.]+)s (\d+)m([\d.]+)s/)!
      .slice(1)
      .map(Number);
    return (60 * (times[0]! + times[2]!) + times[1]! + times[3]!) / wall;
  }

  test('backup, check and restore take no more CPU time than they may', async () => {
    expect(await cores('backup', workspace.path('large'))).toBeLessThan(0.5 * 1.05);
    expect(await cores('check', '--read-data')).toBeLessThan(0.5 * 1.05);
    expect(await cores('restore', 'latest', '-t', workspace.path('large-back'))).toBeLessThan(0.5 * 1.05);
  });
});
