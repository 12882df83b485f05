/** Backups that begin while their lock settles, by hand. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { hostarkOk, jsonLines, makeWorkspace } from '../support/hostark.ts';

const workspace = makeWorkspace('early');
afterAll(() => workspace.remove());

test('a backup that finds nothing to write tells its result after its lock is certain, as everything else', async () => {
  const env = { ...workspace.env, RESTIC_REPOSITORY: workspace.path('repo'), RESTIC_PASSWORD: 'early' };
  const run = (...args: string[]): Promise<string> => hostarkOk(args, { env, cwd: workspace.root });
  mkdirSync(workspace.path('data'));
  writeFileSync(workspace.path('data/file'), 'content');
  await run('init');
  await run('backup', 'data');
  const told = jsonLines(await run('backup', 'data', '--skip-if-unchanged', '--json', '--verbose', '--verbose'));
  expect(told.length).toBeGreaterThan(1);
  expect(told.at(-1)).toMatchObject({ message_type: 'summary', files_unmodified: 1 });
});
