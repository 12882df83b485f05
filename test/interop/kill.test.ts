/** Repositories whose backups were killed, under the eyes of stock restic. Needs `restic` on PATH; not part of `npm test`. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostarkOk, jsonLines, makeWorkspace, start, describe as tell } from '../support/hostark.ts';
import { KilledBackups, MOMENTS } from '../support/kill-backups.ts';
import { withoutRestic } from '../support/oracles.ts';

describe.skipIf(withoutRestic).each([1, 2] as const)('killed backups into a repository of version %d', (version) => {
  const workspace = makeWorkspace('kill-interop');
  const bench = new KilledBackups(workspace);
  const restic = async (...args: string[]): Promise<string> => {
    const ended = await start('restic', ['--no-cache', ...args], bench.options).ended;
    if (ended.code !== 0) throw new Error(`restic ${args.join(' ')} ended with ${tell(ended)}`);
    return ended.stdout;
  };
  beforeAll(() => bench.prepare(version));
  afterAll(() => workspace.remove());

  test.each(MOMENTS.map((share, round) => ({ share, round })))(
    'at $share: restic removes the lock, finds no errors, and its own backup goes on',
    async ({ share, round }) => {
      bench.addData(round);
      await bench.killAt(share);
      await restic('unlock');
      expect(readdirSync(join(bench.repository, 'locks'))).toEqual([]);
      const check = await restic('check', '--read-data');
      expect(check).toContain('no errors were found');
      expect(check).not.toMatch(/repair/);
      // Alternately ours and theirs is the next run; either builds on what is there.
      const summary =
        round % 2 === 0
          ? await bench.backup()
          : jsonLines(await restic('backup', 'source', '--json')).find((line) => line.message_type === 'summary')!;
      expect([summary.files_new, summary.files_changed, summary.files_unmodified]).toEqual([16, 0, 16 * round]);
    },
  );

  test('in the end restic restores every byte, and prunes what no snapshot needs', async () => {
    await restic('restore', 'latest', '--target', workspace.path('out'), '--verify');
    const differences = await start('diff', ['-r', bench.source, workspace.path('out/source')]).ended;
    expect([differences.code, differences.stdout]).toEqual([0, '']);
    await restic('prune');
    expect(await hostarkOk(['check', '--read-data'], bench.options)).toContain('no errors were found');
  });
});
