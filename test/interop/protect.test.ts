/** Backups of hosts with all that belongs to them, by hand: commands around them, dumps, interruptions, and the way back. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Session } from '@hostark/remote';
import { type Sandbox, startSandbox } from '@hostark/sandbox';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { logInto, onHost } from '../support/cloud.ts';
import { type Ended, hostark, hostarkOk, jsonLines, makeWorkspace, startHostark } from '../support/hostark.ts';

const workspace = makeWorkspace('protect');
let sandbox: Sandbox;
let env: Record<string, string>;
let session: Session;
/** A folder of the host's own, also where hosts are mere folders. */
let data: string;
let recoveryKey: string;

const options = (): { env: Record<string, string>; cwd: string } => ({ env, cwd: workspace.root });
const run = (...args: string[]): Promise<string> => hostarkOk(args, options());
const tried = (...args: string[]): Promise<Ended> => hostark(args, options());
const runJson = async (...args: string[]): Promise<Record<string, unknown>> =>
  jsonLines(await run(...args, '--json')).at(-1)!;
/** Snapshots that are in the bucket. */
const snapshotIds = async (): Promise<string[]> => {
  const { S3Client, ListObjectsV2Command } = await import('@aws-sdk/client-s3');
  const { endpoint, region, adminCredentials: credentials } = sandbox;
  const s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const listed = await s3.send(new ListObjectsV2Command({ Bucket: 'protected', Prefix: 'hosts/web/snapshots/' }));
  s3.destroy();
  return (listed.Contents ?? []).map(({ Key }) => Key!);
};

beforeAll(async () => {
  sandbox = await startSandbox({ directory: workspace.path('cloud'), durable: false });
  env = { ...workspace.env, ...sandbox.environment() };
  await run('bucket', 'create', 'protected', '--yes');
  await run('host', 'launch', 'web', '--bucket', 'protected', '--spot');
  session = await logInto('web', env);
  data = (
    await onHost(
      session,
      'mkdir -p "$HOME/data/cache" && cd "$HOME/data" && echo one > first && echo x > cache/junk && head -c 300000 /dev/urandom > big && pwd',
    )
  ).trim();
}, 60_000);
afterEach(() => sandbox.faults.clear());
afterAll(async () => {
  await session?.close();
  await sandbox?.stop();
  workspace.remove();
});

describe('protect', () => {
  test('in a dry run says what would be run and asks the host what would be saved, and leaves no trace in the bucket', async () => {
    const before = await sandbox.inventory();
    const said = await run('protect', 'web', data, '--dry-run', '--pre', 'systemctl stop app', '--exclude', 'cache');
    expect(said).toMatch(/would create the repository .*hosts\/web/);
    expect(said).toContain('would run before, at most 300 s: systemctl stop app');
    expect(said).toContain('would save 2 files, 293 KiB; 2 new');
    expect(await sandbox.inventory()).toEqual(before);
  });

  test('runs the command before and the one after as root on the host, and tells the latter what came of it', async () => {
    const hooks = ['--pre', `id -u; echo "$0 $HOSTARK_HOST" && touch ${data}/made-before`, '--post'];
    const tell = `echo "[$HOSTARK_STATUS] [$HOSTARK_SNAPSHOT] [$HOSTARK_ERROR]"; ps -ef | grep -c 'made-be[f]ore' || true`;
    const lines = jsonLines(
      await run(
        'protect',
        'web',
        data,
        ...hooks,
        tell,
        '--exclude',
        'cache',
        '--nice',
        '19',
        '--ionice',
        'idle',
        '--max-cpu',
        '60%',
        '--json',
      ),
    );
    recoveryKey = String(lines.find(({ message_type }) => message_type === 'recovery_key')!.recovery_key);
    const summary = lines.at(-1) as { snapshotId: string; postFailure: null; summary: object };
    expect(summary).toMatchObject({ postFailure: null, summary: { files_new: 3 } });
    const output = lines
      .filter(({ message_type }) => message_type === 'output')
      .map(({ source, line }) => `${source} ${line}`);
    expect(output[1]).toBe('pre hostark web');
    // The command itself is no argument of any process there.
    expect(output.slice(2)).toEqual([`post [ok] [${summary.snapshotId}] []`, 'post 0']);
  });

  test('makes no backup when the command before fails, and runs the one after all the same', async () => {
    const ids = await snapshotIds();
    const ended = await tried(
      'protect',
      'web',
      data,
      '--pre',
      'echo broken >&2; exit 4',
      '--post',
      `echo "now $HOSTARK_STATUS"`,
    );
    expect([ended.code, ended.stderr]).toEqual([23, expect.stringContaining('exit code 4: broken')]);
    expect(ended.stderr).toContain('post: now pre-failed');
    expect(await snapshotIds()).toEqual(ids);
  });

  test('runs the command after when the backup fails, and keeps the backup when that command fails or hangs', async () => {
    const failed = await tried('protect', 'web', '/nowhere', '--post', 'echo "$HOSTARK_STATUS $HOSTARK_ERROR"');
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('post: failed source-missing')]);
    const count = (await snapshotIds()).length;
    const hung = await tried('protect', 'web', data, '--post', 'sleep 1000 & wait', '--hook-timeout', '1s');
    expect([hung.code, hung.stderr]).toEqual([
      23,
      expect.stringMatching(/snapshot [0-9a-f]{64} is saved, but .* after 1 s/),
    ]);
    expect((await snapshotIds()).length).toBe(count + 1);
    expect(await onHost(session, 'ps -ef | grep -c "slee[p] 1000" || true')).toBe('0\n');
  });

  test('runs the command after also when it is interrupted, or killed with its connection', async () => {
    for (const [signal, mark] of [
      ['SIGINT', 'after-int'],
      ['SIGKILL', 'after-kill'],
    ] as const) {
      const hooks = ['--pre', `echo on; sleep 100`, '--post', `echo $HOSTARK_STATUS > ${data}/${mark}`];
      const running = startHostark(['protect', 'web', data, ...hooks], options());
      await waitFor(() => running.stderr().includes('pre: on'));
      running.child.kill(signal);
      const ended = await running.ended;
      if (signal === 'SIGINT') expect(ended.code).toBe(130);
      expect(await onHost(session, `until [ -s ${data}/${mark} ]; do sleep 0.1; done; cat ${data}/${mark}`)).toBe(
        'interrupted\n',
      );
    }
  });

  test('saves what a command prints, also when S3 throttles and hangs up, and nothing when any part of it fails', async () => {
    const faults = [
      sandbox.faults.add({ service: 's3', operation: 'PutObject', kind: 'error' }),
      sandbox.faults.add({ service: 's3', operation: 'GetObject', kind: 'drop' }),
    ];
    const dump = ['protect', 'web', '--stdin-filename', 'db/all.sql', '--stdin-from-command'];
    const { snapshotId } = await runJson(...dump, `cat ${data}/first | tr a-z A-Z`);
    await run('recover', `${snapshotId}:/db`, '--from', 'web', '--to', './dump');
    expect(readFileSync(workspace.path('dump/all.sql'), 'utf8')).toBe('ONE\n');
    expect(faults.map(({ struck }) => struck)).toEqual([1, 1]);
    const ids = await snapshotIds();
    const broken = await tried(...dump, 'echo half; echo lost connection >&2; false');
    expect([broken.code, broken.stderr]).toEqual([
      1,
      expect.stringMatching(/dump: lost connection[\s\S]*exit code 1.*no snapshot/),
    ]);
    const piped = await tried(...dump, 'false | cat; true');
    expect(piped.stderr).toContain('ended without one'); // a status that the command itself hides is its own affair
    expect(await snapshotIds()).toEqual(ids);
  });

  test.each([
    [['web', 'etc'], 'expected an absolute path on the host'],
    [['web'], 'none are named'],
    [['web', '/etc', '--stdin-from-command', 'true'], 'expected no paths beside it'],
    [['web', '/etc', '--pre', ' '], '--pre: expected a shell command'],
    [['web', '/etc', '--hook-timeout', '0s'], '--hook-timeout: expected 1s to 24h'],
    [['web', '/etc', '--max-cpu', '0'], '--max-cpu: expected cores from 0.05'],
    [['web', '/etc', '--nice', '20'], '--nice: expected a whole number from 0 to 19'],
    [['web', '/etc', '--freeze', 'srv'], '--freeze srv: expected a mount point'],
    [['web', '/etc', '--exclude', '[a'], 'exclude'],
  ])('refuses %j before it asks a host or a bucket', async (args, message) => {
    const asked = sandbox.counts();
    const ended = await tried('protect', ...args);
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(sandbox.counts()).toEqual(asked);
  });

  test('freezes no file system that the host itself lives on', async () => {
    const ended = await tried('protect', 'web', data, '--freeze', '/');
    expect([ended.code, ended.stderr]).toEqual([
      expect.any(Number),
      expect.stringMatching(/cannot freeze|could not freeze/),
    ]);
  });
});

describe('recover', () => {
  test('rehearses onto a host, keeps what is newer, and deletes only when told and asked', async () => {
    await run('protect', 'web', data, '--tag', 'good');
    await onHost(session, `cd ${data} && echo changed > first && touch surplus && rm big`);
    const back = ['recover', 'latest', '--from', 'web', '--to', 'web', '--include', data];
    expect(await run(...back, '--dry-run', '--delete')).toMatch(/would write .*delete 1\n/);
    await run(...back, '--overwrite', 'never');
    expect(await onHost(session, `cd ${data} && cat first && ls big surplus`)).toBe('changed\nbig\nsurplus\n');
    const asked = await tried(...back, '--delete');
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('expected --yes')]);
    expect(await runJson(...back, '--delete', '--yes')).toMatchObject({ filesDeleted: 1, errorCount: 0 });
    expect(await onHost(session, `cd ${data} && cat first; ls surplus 2>/dev/null || true`)).toBe('one\n');
    const wild = await tried('recover', 'latest', '--from', 'web', '--to', 'web', '--delete', '--yes');
    expect([wild.code, wild.stderr]).toEqual([2, expect.stringContaining('--target below /')]);
  });

  test('needs nothing but the bucket and the recovery key: onto a new host in another region, which then goes on with the backups', async () => {
    const record = await onHost(session, `cd ${data} && find . -type f -exec sha256sum {} + | sort`);
    await run('protect', 'web', data);
    const there = workspace.path('elsewhere');
    writeFileSync(workspace.path('key.txt'), `${recoveryKey}\n`);
    writeFileSync(workspace.path('wrong.txt'), '11111111-22222222-33333333-44444444\n');
    // Another machine: no state directory, no configuration, the host is not asked.
    const elsewhere = { cwd: workspace.root, env: { ...env, HOME: there } };
    const lost = ['recover', 'latest', '--from', 'web', '--bucket', 'protected'];
    const blind = await hostark([...lost, '--to', './nothing'], elsewhere);
    expect([blind.code, blind.stderr]).toEqual([12, expect.stringContaining('--recovery-key-file')]);
    const wrong = await hostark([...lost, '--to', './nothing', '--recovery-key-file', 'wrong.txt'], elsewhere);
    expect(wrong.code).toBe(12);
    expect(existsSync(workspace.path('nothing'))).toBe(false);
    const key = ['--recovery-key-file', 'key.txt'];
    await hostarkOk([...lost, ...key, '--to', './one', '--include', `${data}/first`], elsewhere);
    expect(readFileSync(workspace.path('one', data, 'first'), 'utf8')).toBe('one\n');
    await hostarkOk(
      [...lost, ...key, '--to', 'new:again', '--to-region', 'eu-west-1', '--target', '/tmp/again'],
      elsewhere,
    );
    const there2 = {
      ...elsewhere,
      env: { ...elsewhere.env, AWS_REGION: 'eu-west-1', AWS_DEFAULT_REGION: 'eu-west-1' },
    };
    const again = await logInto('again', there2.env);
    try {
      expect(await onHost(again, `cd /tmp/again${data} && find . -type f -exec sha256sum {} + | sort`)).toBe(record);
    } finally {
      await onHost(again, 'rm -rf /tmp/again');
      await again.close();
    }
    const next = jsonLines(await hostarkOk(['protect', 'again', '/etc/hostname', '--json'], there2)).at(-1);
    expect(next).toMatchObject({ recoveryKey: null, errorCount: 0 });
    await hostarkOk(['host', 'destroy', 'again', '--yes'], there2);
  }, 60_000);
});

describe('a spot instance that AWS takes back', () => {
  test('keeps what its backup has read, gives the lock back and says so', async () => {
    const { instanceId } = (await runJson('host', 'show', 'web')) as { instanceId: string };
    const slow = `head -c 3000000 /dev/urandom; sleep 100`;
    const running = startHostark(['protect', 'web', '--stdin-from-command', slow, '--json'], options());
    await waitFor(() => (sandbox.counts()['s3:PutObject'] ?? 0) > 0 && running.stdout().includes('"bytes_done":'));
    sandbox.interrupt(instanceId);
    const ended = await running.ended;
    expect([ended.code, ended.stderr]).toEqual([24, expect.stringContaining('"error_code":"host-interrupted"')]);
    const place = `s3:${sandbox.endpoint}/protected/hosts/web`;
    const opened = { env: { ...env, RESTIC_PASSWORD: recoveryKey } };
    expect(await hostarkOk(['list', 'locks', '-r', place], opened)).toBe('');
    expect(await hostarkOk(['check', '-r', place], opened)).toContain('no errors were found');
  }, 40_000);
});

async function waitFor(reached: () => boolean): Promise<void> {
  for (let n = 0; !reached(); n++) {
    if (n > 1500) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
