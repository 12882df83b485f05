/** A backup or restore that is killed, whenever: the repository stays whole, and the next run goes on. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { folderBytes, whenReached } from '../support/growth.ts';
import { hostark, hostarkOk, makeWorkspace, startHostark } from '../support/hostark.ts';
import { KilledBackups, MOMENTS } from '../support/kill-backups.ts';

describe('a backup that is killed', () => {
  const workspace = makeWorkspace('kill');
  const bench = new KilledBackups(workspace);
  const run = (...args: string[]): Promise<string> => hostarkOk(args, bench.options);
  beforeAll(() => bench.prepare());
  afterAll(() => workspace.remove());

  test.each(MOMENTS.map((share, round) => ({ share, round })))(
    'after $share of its data leaves a repository without errors, and the next one adds what no index knows, no more',
    async ({ share, round }) => {
      bench.addData(round);
      await bench.killAt(share);
      // The lock of a process that is gone forbids what needs the repository alone, and says how to get rid of it.
      const locked = await hostark(['check'], bench.options);
      expect([locked.code, locked.stderr]).toEqual([11, expect.stringContaining('hostark unlock')]);
      await run('unlock');
      expect(await run('check', '--read-data')).toContain('no errors were found');
      const known = await bench.indexedBlobs();
      const summary = await bench.backup();
      expect((await bench.indexedBlobs()).size).toBe(known.size + Number(summary.data_blobs));
      // Files of earlier rounds are taken from their snapshot, only this round's are read.
      expect([summary.files_new, summary.files_unmodified]).toEqual([16, 16 * round]);
    },
  );

  test('just after its index was written is reused whole: only a snapshot is added', async () => {
    bench.addData(MOMENTS.length);
    // Finished objects alone: one that is being written has another name.
    const files = (folder: string): number =>
      readdirSync(join(bench.repository, folder)).filter((name) => /^[0-9a-f]{64}$/.test(name)).length;
    const [indexes, snapshots] = [files('index'), files('snapshots')];
    const running = bench.start();
    expect(await whenReached(() => files('index') > indexes, running.ended)).toBe(true);
    running.child.kill('SIGKILL');
    await running.ended;
    await run('unlock');
    const summary = await bench.backup();
    // Either it was killed before its snapshot, and its blobs are found, or after, and the files are.
    expect(summary.data_blobs).toBe(0);
    expect(summary.files_new).toBe(files('snapshots') - snapshots === 1 ? 16 : 0);
  });

  test('by Ctrl-C ends with 130, leaves no lock, and keeps what it wrote for the next one', async () => {
    bench.addData(MOMENTS.length + 1);
    const before = folderBytes(join(bench.repository, 'data'));
    const running = bench.start();
    const grown = (): boolean => folderBytes(join(bench.repository, 'data')) > before;
    expect(await whenReached(grown, running.ended)).toBe(true);
    const known = await bench.indexedBlobs();
    running.child.kill('SIGINT');
    const ended = await running.ended;
    expect([ended.code, ended.stderr]).toEqual([130, expect.stringContaining('interrupted')]);
    expect(readdirSync(join(bench.repository, 'locks'))).toEqual([]);
    expect((await bench.indexedBlobs()).size).toBeGreaterThanOrEqual(known.size);
    await bench.backup();
    expect(await run('check', '--read-data')).toContain('no errors were found');
  });

  test('and a restore that is killed leaves nothing half written under a final name', async () => {
    const out = workspace.path('out');
    const total = folderBytes(bench.source);
    for (const share of [0.02, 0.3, 0.7]) {
      const running = startHostark(['restore', 'latest:/source', '--target', out], bench.options);
      expect(await whenReached(() => folderBytes(out) >= share * total, running.ended)).toBe(true);
      running.child.kill('SIGKILL');
      await running.ended;
      const finished = readdirSync(out).filter((name) => !name.endsWith('.hostark-partial'));
      for (const name of finished)
        expect([name, readFileSync(join(out, name)).equals(readFileSync(join(bench.source, name)))]).toEqual([
          name,
          true,
        ]);
    }
    await run('unlock');
    await run('restore', 'latest:/source', '--target', out, '--delete', '--verify');
    expect(readdirSync(out).sort()).toEqual(readdirSync(bench.source).sort());
  });
});
