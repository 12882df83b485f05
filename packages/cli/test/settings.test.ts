import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readPassword, splitWords } from '../src/repository/password.ts';
import { durationMs, repositoryLocation } from '../src/repository/settings.ts';
import { capturedIo } from './io.ts';

const folder = mkdtempSync(join(tmpdir(), 'hostark-settings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

describe('the repository', () => {
  test('is the flag, then HOSTARK_, then RESTIC_ environment', async () => {
    const env = { RESTIC_REPOSITORY: '/restic', HOSTARK_REPOSITORY: '/hostark' };
    expect(await repositoryLocation({ repo: '/flag' }, capturedIo({ env }))).toBe('/flag');
    expect(await repositoryLocation({}, capturedIo({ env }))).toBe('/hostark');
    expect(await repositoryLocation({}, capturedIo({ env: { RESTIC_REPOSITORY: '/restic' } }))).toBe('/restic');
    expect(await repositoryLocation({ repositoryFile: file('location', '/from-file\n') }, capturedIo())).toBe(
      '/from-file',
    );
  });
  test('must be named, and only once', async () => {
    await expect(repositoryLocation({}, capturedIo())).rejects.toMatchObject({ code: 'usage' });
    await expect(repositoryLocation({ repo: 'a', repositoryFile: 'b' }, capturedIo())).rejects.toMatchObject({
      code: 'usage',
    });
  });
});

describe('the password', () => {
  test('comes from a file, trimmed, whatever its byte order mark', async () => {
    expect(await readPassword({ passwordFile: file('plain', ' s3cret \n') }, capturedIo())).toBe('s3cret');
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('pässword\r\n', 'utf16le')]);
    expect(await readPassword({ passwordFile: file('utf16', utf16) }, capturedIo())).toBe('pässword');
  });
  test('from the environment is taken to the letter', async () => {
    expect(await readPassword({}, capturedIo({ env: { RESTIC_PASSWORD: ' x ' } }))).toBe(' x ');
  });
  test('from a command is its output; the command does not see the password of the environment', async () => {
    const env = { PATH: process.env.PATH ?? '', RESTIC_PASSWORD: 'hidden' };
    const command = 'sh -c \'echo "seen:$RESTIC_PASSWORD"\'';
    expect(await readPassword({ passwordCommand: command }, capturedIo({ env }))).toBe('seen:');
    await expect(readPassword({ passwordCommand: 'sh -c "exit 4"' }, capturedIo({ env }))).rejects.toThrow(
      'exit code 4',
    );
  });
  test('must not be empty unless that is asked for', async () => {
    await expect(readPassword({ passwordFile: file('empty', '\n') }, capturedIo())).rejects.toMatchObject({
      code: 'usage',
    });
    expect(await readPassword({ insecureNoPassword: true }, capturedIo())).toBe('');
    await expect(
      readPassword({ insecureNoPassword: true }, capturedIo({ env: { RESTIC_PASSWORD: 'x' } })),
    ).rejects.toMatchObject({ code: 'usage' });
  });
  test('is not asked for where there is no terminal', async () => {
    await expect(readPassword({}, capturedIo())).rejects.toThrow('no terminal');
  });
});

test('words are split as a shell splits them, without expansion', () => {
  expect(splitWords(`pass show 'a b' "c \\"d" e\\ f ''`)).toEqual(['pass', 'show', 'a b', 'c "d', 'e f', '']);
  expect(() => splitWords(`open 'quote`)).toThrow("expected a closing '");
});

test("durations are Go's", () => {
  expect([durationMs('1h30m', '--x'), durationMs('250ms', '--x'), durationMs('1.5s', '--x')]).toEqual([
    5_400_000, 250, 1500,
  ]);
  expect(() => durationMs('5', '--retry-lock')).toThrow('--retry-lock: expected a duration');
});
