/**
 * Secrets stay where they belong while real commands run: the repository's password, the recovery key, private keys and
 * AWS secret keys are in no command line, in no environment but the one that the user gave, in no output and no file.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSecrets } from '../../packages/cli/src/state/secrets.ts';
import { logInto, onHost, startCloud, type TestCloud } from '../support/cloud.ts';
import { jsonLines, MAIN, makeWorkspace, type RunOptions, startHostark, describe as tell } from '../support/hostark.ts';
import { makeRepository } from '../support/repository.ts';
import { filesWith, type ProcessWatch, watchProcesses } from '../support/secrets.ts';

const secret = (): string => `s3cret-${randomBytes(12).toString('hex')}`;

/** Commands run one after another; what they printed and which processes they were is kept. */
class Session {
  readonly workspace = makeWorkspace('secrets');
  readonly watch: ProcessWatch = watchProcesses();
  readonly pids: number[] = [];
  readonly printed: string[] = [];

  async run(args: readonly string[], options: RunOptions = {}, code = 0): Promise<string> {
    const running = startHostark(args, { cwd: this.workspace.root, env: this.workspace.env, ...options });
    this.pids.push(running.pid);
    const ended = await running.ended;
    this.printed.push(ended.stdout, ended.stderr);
    expect(ended.code, `hostark ${args.join(' ')} ended with ${tell(ended)}`).toBe(code);
    return ended.stdout;
  }

  output(): string {
    return this.printed.join('\n');
  }

  end(): void {
    this.watch.stop();
    this.workspace.remove();
  }
}

describe('the password of a repository', () => {
  const session = new Session();
  const { workspace, watch } = session;
  afterAll(() => session.end());

  test('given by the environment reaches no other process, no output and no file', async () => {
    const password = secret();
    const env = { ...workspace.env, RESTIC_PASSWORD: password, RESTIC_REPOSITORY: workspace.path('repo') };
    mkdirSync(workspace.path('src'));
    writeFileSync(workspace.path('src/file'), randomBytes(3_000_000));
    await session.run(['init', '-v'], { env });
    await session.run(['backup', 'src', '-v', '--json'], { env });
    const show = [
      'backup',
      '--stdin-from-command',
      '--',
      'sh',
      '-c',
      'env; tr "\\0" "\\n" < /proc/$PPID/cmdline; sleep 0.2',
    ];
    await session.run(show, { env });
    await session.run(['dump', 'latest', '/stdin'], { env });
    await session.run(['restore', 'latest', '--target', 'out', '-v', '--verify'], { env });
    await session.run(['cat', 'config', '-v'], { env });
    await session.run(['check', '--read-data', '-v'], { env });
    await session.run(['snapshots', '-v', '-r', 'absent'], { env }, 10);
    expect(watch.count()).toBeGreaterThan(session.pids.length);
    expect(watch.seen(password, session.pids)).toEqual([]);
    expect(session.output()).not.toContain(password);
    expect(filesWith(password, workspace.root)).toEqual([]);
  });

  test('given by a file or a command is in no environment and no command line at all', async () => {
    const password = secret();
    writeFileSync(workspace.path('pw'), password, { mode: 0o600 });
    await makeRepository(workspace.path('other'), { password });
    const place = ['-r', 'other', '-v'];
    await session.run(['backup', 'src', ...place, '--password-file', 'pw']);
    await session.run(['check', ...place, '--password-command', 'sh -c "sleep 0.1; cat pw"']);
    const wrong = secret();
    writeFileSync(workspace.path('wrong'), wrong);
    await session.run(['snapshots', ...place, '--password-file', 'wrong', '--json'], {}, 12);
    await session.run(['snapshots', ...place, '--password-file', 'wrong'], {}, 12);
    for (const given of [password, wrong]) {
      expect(watch.seen(given)).toEqual([]);
      expect(session.output()).not.toContain(given);
    }
    expect(filesWith(password, workspace.root)).toEqual(['pw']);
  });

  test('given to an agent on its stdin stays there, also when the job is wrong', async () => {
    const password = secret();
    await makeRepository(workspace.path('agents'), { password });
    const repository = { location: workspace.path('agents'), password };
    const job = { schema: 1, kind: 'restore', repository, snapshot: 'latest', target: workspace.path('agent-out') };
    await session.run(['agent', '-v'], { stdin: `${JSON.stringify({ ...job, kind: 'nonsense' })}\n` }, 2);
    await session.run(['agent', '-v'], { stdin: `{"password":"${password}` }, 2);
    const missing = JSON.stringify({ ...job, repository: { ...repository, location: workspace.path('absent') } });
    await session.run(['agent', '-v'], { stdin: `${missing}\n` }, 10);
    expect(watch.seen(password)).toEqual([]);
    expect(session.output()).not.toContain(password);
  });

  test('and credentials that a user wrote into a location are not repeated by errors', async () => {
    const key = secret();
    const env = { ...workspace.env, RESTIC_PASSWORD: 'x' };
    for (const place of [`rest:http://user:${key}@127.0.0.1:1/`, `s3:http://id:${key}@127.0.0.1:1/bucket`]) {
      const { code, stdout, stderr } = await startHostark(['snapshots', '-v', '--retry-lock', '0s'], {
        env: { ...env, RESTIC_REPOSITORY: place },
      }).ended;
      expect(code).not.toBe(0);
      expect(stdout + stderr).not.toContain(key);
    }
  });
});

describe('a host and its secrets', () => {
  const session = new Session();
  const { workspace, watch } = session;
  const state = workspace.path('home/.local/state/hostark');
  let cloud: TestCloud;
  const run = (...args: string[]): Promise<string> => session.run(args, { env: cloud.env });
  const secrets: Record<string, string> = {};

  beforeAll(async () => {
    cloud = await startCloud(workspace);
    secrets.administrator = cloud.env.AWS_SECRET_ACCESS_KEY!;
    await run('bucket', 'create', 'secrets', '-v');
    await run('host', 'launch', 'web', '--bucket', 'secrets', '-v');
    const host = await logInto('web', cloud.env);
    const data = (
      await onHost(host, 'mkdir -p "$HOME/data" && date > "$HOME/data/file" && cd "$HOME/data" && pwd')
    ).trim();
    const first = await run('protect', 'web', data, '-v', '--json');
    secrets.recoveryKey = jsonLines(first).find((line) => line.message_type === 'recovery_key')!.recovery_key as string;
    await run('protect', 'web', data, '-v');
    await run('recover', 'latest', '--from', 'web', '--to', workspace.path('back'), '-v');
    await run('recover', 'latest', '--from', 'web', '--to', 'web', '--target', '/tmp/hostark-secrets-back', '-v');
    await onHost(host, 'rm -rf /tmp/hostark-secrets-back');
    await host.close();
    const sealed = openSecrets(join(state, 'secrets'), workspace.path('home/.config/hostark/state.key'));
    secrets.password = (await sealed.read('repository.secrets.web'))!;
    // One line from the middle of the key is as good as all of it.
    secrets.loginKey = readFileSync(join(state, 'hosts/web/id_ed25519'), 'utf8').split('\n')[3]!;
    expect(Object.values(secrets).every((value) => value.length >= 20)).toBe(true);
  }, 180_000);
  afterAll(async () => {
    await cloud?.stop();
    session.end();
  });

  test('no process shows any of them, but those that the user gave the administrator key to', () => {
    const { administrator, ...others } = secrets;
    for (const [name, value] of Object.entries(others)) expect([name, watch.seen(value)]).toEqual([name, []]);
    expect(watch.seen(administrator!).filter((line) => line.includes(' cmdline: '))).toEqual([]);
    // The commands themselves, as the test started them: no shell, ssh or tar that they started. A process that ended shows no words.
    const commands = watch.commandsWith(administrator!).filter((words) => words !== '');
    expect(commands.filter((words) => !words.startsWith(`${process.execPath}\0${MAIN}\0`))).toEqual([]);
    expect(commands.some((words) => words.includes('\0protect\0'))).toBe(true);
  });

  test('none is printed, but the recovery key, once', () => {
    const printed = session.output();
    expect(printed.split(secrets.recoveryKey!).length - 1).toBeLessThanOrEqual(2); // its own line, and the summary
    for (const name of ['administrator', 'password', 'loginKey'])
      expect([name, printed.includes(secrets[name]!)]).toEqual([name, false]);
    expect(printed).not.toMatch(/PRIVATE KEY/);
  });

  test('no file holds the password or the recovery key, neither here nor on the host or in the bucket', () => {
    expect(filesWith(secrets.password!, workspace.root)).toEqual([]);
    expect(filesWith(secrets.recoveryKey!, workspace.root)).toEqual([]);
  });

  test('the login key is in its own file alone, which only its owner reads; that of the host is not kept', () => {
    const file = 'home/.local/state/hostark/hosts/web/id_ed25519';
    expect(filesWith(secrets.loginKey!, workspace.root)).toEqual([file]);
    expect(statSync(workspace.path(file)).mode & 0o777).toBe(0o600);
    const kept = filesWith('PRIVATE KEY', workspace.path('home')).filter((path) => !path.endsWith('id_ed25519'));
    // The archive of the agent holds programs that know the words.
    expect(kept.filter((path) => !path.includes('/agent/'))).toEqual([]);
  });

  test("the administrator's key is in the sandbox's own identity store alone", () => {
    expect(filesWith(secrets.administrator!, workspace.root)).toEqual(['cloud/identities.json']);
    expect(statSync(workspace.path('cloud/identities.json')).mode & 0o077).toBe(0);
    for (const folder of [state, workspace.path('home/.config/hostark'), workspace.path('cloud')])
      expect(statSync(folder).mode & 0o077).toBe(0);
  });
});
