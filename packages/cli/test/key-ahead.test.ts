/** The guess at a repository before the parser is loaded: what the command tree says, and nothing that has an effect. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodePlatform } from '@hostark/kernels';
import { initLocalDirectory, initRepository, localBackend } from '@hostark/repository';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildProgram } from '../src/program.ts';
import { beginKey } from '../src/repository/key-ahead.ts';
import { glanceAt, OPENING_COMMANDS } from '../src/repository/peek.ts';
import type { GlobalFlags } from '../src/repository/settings.ts';
import type { Io } from '../src/terminal/io.ts';
import { capturedIo } from './io.ts';

describe('a glance at the command line', () => {
  const flags = { insecureNoPassword: false, cache: true };

  test.each<[string, GlobalFlags | null]>([
    ['snapshots -r /repo', { ...flags, repo: '/repo' }],
    ['-r/repo -p pw.txt backup /etc --tag a,b', { ...flags, repo: '/repo', passwordFile: 'pw.txt' }],
    ['restore latest --repo=/repo --password-file=pw -t /x', { ...flags, repo: '/repo', passwordFile: 'pw' }],
    ['--limit-upload 100 ls latest --key-hint ab', { ...flags, keyHint: 'ab' }],
    ['check --read-data --no-cache --cache-dir /c', { ...flags, cache: false, cacheDir: '/c' }],
    ['find x --password-command "pass show"', { ...flags, passwordCommand: '"pass' }],
    [
      'cat config --insecure-no-password --repository-file f',
      { ...flags, insecureNoPassword: true, repositoryFile: 'f' },
    ],
    ['snapshots -r', flags],
    ['init -r /repo', null],
    ['backup --help', null],
    ['backup -h', null],
    ['help backup', null],
    ['host list', null],
    ['', null],
  ])('sees of "%s" what matters', (line, expected) => {
    expect(glanceAt(line === '' ? [] : line.split(' '))?.flags ?? null).toEqual(expected);
  });

  test('knows every flag that takes a value before the name of the command', () => {
    const { options } = buildProgram(async () => {});
    const taking = options.filter(({ required, optional }) => required || optional).map(({ long }) => long!);
    expect(taking.length).toBeGreaterThan(10);
    for (const flag of taking) expect([flag, glanceAt([flag, 'list', 'snapshots'])]).not.toContain(null);
    for (const flag of taking) expect([flag, glanceAt([flag, 'list', 'host'])]).toContain(null);
  });

  test('knows commands that there are', () => {
    const names = buildProgram(async () => {}).commands.map((command) => command.name());
    expect(names).toEqual(expect.arrayContaining([...OPENING_COMMANDS]));
  });
});

describe('a key', () => {
  const begin = (flags: GlobalFlags, io: Io) => beginKey({ command: 'snapshots', flags }, io);
  let folder: string;
  let repo: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hostark-key-ahead-'));
    repo = join(folder, 'repo');
    await initLocalDirectory(repo);
    const cost = { n: 2, r: 1, p: 1 };
    await initRepository(localBackend(repo), { password: 'p', platform: nodePlatform(), cost });
    writeFileSync(join(folder, 'password'), 'p\n');
    execFileSync('mkfifo', [join(folder, 'pipe')]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is begun where the password is at hand', async () => {
    expect(await begin({ repo, passwordFile: join(folder, 'password') }, capturedIo())).not.toBeNull();
    expect(await begin({}, capturedIo({ env: { RESTIC_REPOSITORY: repo, RESTIC_PASSWORD: 'p' } }))).not.toBeNull();
    expect(await begin({ repo, insecureNoPassword: true }, capturedIo())).not.toBeNull();
  });

  test('is not when something would have to be asked, run, or read that can be read but once', async () => {
    const io = capturedIo();
    expect(await begin({ repo }, io)).toBeNull();
    const marked = join(folder, 'ran');
    expect(await begin({ repo, passwordCommand: `touch ${marked}` }, io)).toBeNull();
    expect(await begin({ repo, passwordFile: join(folder, 'pipe') }, io)).toBeNull();
    expect(await begin({ repositoryFile: join(folder, 'pipe'), insecureNoPassword: true }, io)).toBeNull();
    expect(() => execFileSync('test', ['-e', marked])).toThrow();
  });

  test('is left alone when anything is wrong', async () => {
    const passwordFile = join(folder, 'password');
    expect(await begin({ repo: join(folder, 'nothing'), passwordFile }, capturedIo())).toBeNull();
    expect(await begin({ repo: 'sftp:host', passwordFile }, capturedIo())).toBeNull();
    expect(await begin({ repo, passwordFile: join(folder, 'nothing') }, capturedIo())).toBeNull();
    expect(await begin({ repo, repositoryFile: 'x', passwordFile }, capturedIo())).toBeNull();
  });
});
