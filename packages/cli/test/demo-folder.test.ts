import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeFolder } from '../src/demo/folder.ts';

const scratch = mkdtempSync(join(tmpdir(), 'hostark-demo-folder-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test('the demo works in a new or an empty folder, which only its owner may enter', async () => {
  const made = await makeFolder(join(scratch, 'new/deeper'));
  expect(statSync(made).mode & 0o777).toBe(0o700);
  expect(await makeFolder(made)).toBe(made);
});

test('the demo refuses a folder with anything in it, since it removes folders named cloud, state and config there', async () => {
  const home = join(scratch, 'home');
  mkdirSync(join(home, 'config'), { recursive: true });
  writeFileSync(join(home, 'config/mine'), 'mine');
  await expect(makeFolder(home)).rejects.toMatchObject({ code: 'target-unusable' });
  expect(readdirSync(join(home, 'config'))).toEqual(['mine']);
  await expect(makeFolder(join(home, 'config/mine'))).rejects.toMatchObject({ code: 'target-unusable' });
});
