import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openSecrets } from '../src/state/secrets.ts';

const root = mkdtempSync(join(tmpdir(), 'hostark-secrets-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const store = (name: string): ReturnType<typeof openSecrets> =>
  openSecrets(join(root, name, 'secrets'), join(root, name, 'config', 'state.key'));

test('a secret comes back, and is on disk in no readable form', async () => {
  const secrets = store('a');
  expect(await secrets.read('repo')).toBeNull();
  expect(await secrets.keep('repo', 'correct horse')).toBe('correct horse');
  expect(await store('a').read('repo')).toBe('correct horse');
  const files = readdirSync(join(root, 'a', 'secrets'));
  expect(files).toEqual(['repo.sealed']);
  expect(readFileSync(join(root, 'a', 'secrets', 'repo.sealed')).includes('correct')).toBe(false);
  expect(statSync(join(root, 'a', 'config', 'state.key')).mode & 0o777).toBe(0o600);
});

test('the first secret of a name wins, also when two processes race', async () => {
  const kept = await Promise.all(Array.from({ length: 8 }, (_, i) => store('race').keep('repo', `secret ${i}`)));
  expect(new Set(kept).size).toBe(1);
  expect(await store('race').read('repo')).toBe(kept[0]);
});

test('a sealed file that was changed or renamed does not open', async () => {
  await store('b').keep('one', 'secret');
  const file = join(root, 'b', 'secrets', 'one.sealed');
  renameSync(file, join(root, 'b', 'secrets', 'two.sealed'));
  await expect(store('b').read('two')).rejects.toThrow('does not open');
  await store('c').keep('one', 'secret');
  const bytes = readFileSync(join(root, 'c', 'secrets', 'one.sealed'));
  bytes[14]! ^= 1;
  rmSync(join(root, 'c', 'secrets', 'one.sealed'));
  writeFileSync(join(root, 'c', 'secrets', 'one.sealed'), bytes);
  await expect(store('c').read('one')).rejects.toThrow('does not open');
});

test('without its key a secret says which file is missing', async () => {
  await store('d').keep('one', 'secret');
  rmSync(join(root, 'd', 'config', 'state.key'));
  await expect(store('d').read('one')).rejects.toThrow('state.key is missing');
});
