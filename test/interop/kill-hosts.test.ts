/** Hosts, agents, connections and the cloud itself killed: the repository stays whole, and nothing stays behind. Needs no oracle, but time. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Session } from '@hostark/remote';
import { type Sandbox, startSandbox } from '@hostark/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { logInto, onHost, startCloud } from '../support/cloud.ts';
import { folderBytes, whenReached } from '../support/growth.ts';
import { hostarkOk, jsonLines, makeWorkspace, startHostark } from '../support/hostark.ts';
import { KilledBackups } from '../support/kill-backups.ts';

describe('a host', () => {
  const workspace = makeWorkspace('kill-host');
  let sandbox: Sandbox;
  let env: Record<string, string>;
  const run = (...args: string[]): Promise<string> => hostarkOk(args, { env, cwd: workspace.root });
  const lastJson = (text: string): Record<string, unknown> => jsonLines(text).at(-1)!;
  const inventory = async (): Promise<string[]> =>
    (await sandbox.inventory()).map(({ kind, id }) => `${kind} ${id}`).filter((line) => !line.startsWith('s3:object'));

  beforeAll(async () => {
    sandbox = await startSandbox({ directory: workspace.path('cloud') });
    env = { ...workspace.env, ...sandbox.environment() };
    await run('bucket', 'create', 'kill');
    await run('host', 'launch', 'warm-up', '--bucket', 'kill', '--dry-run'); // EC2 makes a region's defaults at the first look
  });
  afterAll(async () => {
    await sandbox?.stop();
    workspace.remove();
  });

  test.each([1, 4, 8, 11, 12])(
    'whose launch is killed at its step %d is found and removed by cleanup, whatever of it exists',
    async (step) => {
      const before = await inventory();
      const running = startHostark(['host', 'launch', 'cut-off', '--bucket', 'kill', '--json'], { env });
      const steps = (): number => running.stdout().split('"message_type":"step"').length - 1;
      expect(await whenReached(() => steps() >= step, running.ended)).toBe(true);
      running.child.kill('SIGKILL');
      await running.ended;
      await run('cleanup', '--yes');
      expect(await inventory()).toEqual(before);
      expect(lastJson(await run('cleanup', '--yes', '--json'))).toMatchObject({ removed: [] });
    },
  );

  describe('that is being backed up', () => {
    let data: string;
    let before: string[];
    /** Where the sandbox keeps what is in the bucket. */
    const stored = (): number => folderBytes(workspace.path('cloud/s3'));
    const addData = async (name: string): Promise<void> => {
      const session = await logInto('web', env);
      data = (
        await onHost(session, `mkdir -p "$HOME/data"; cd "$HOME/data"; head -c 20000000 /dev/urandom > ${name}; pwd`)
      ).trim();
      await session.close();
    };
    /** Starts a backup and resolves when data arrives in the bucket; the bucket takes its time, so that it is not over. */
    const startProtecting = async (): Promise<ReturnType<typeof startHostark>> => {
      const size = stored();
      sandbox.faults.add({ service: 's3', operation: 'PutObject', kind: 'delay', delayMs: 1000, times: 1000 });
      const running = startHostark(['protect', 'web', data, '--json'], { env });
      expect(await whenReached(() => stored() > size + 1_000_000, running.ended)).toBe(true);
      return running;
    };
    /**
     * Returns a script that sets $found to the processes of agents. Only those from this host's own home: where machines
     * are mere folders, other hosts are in the same /proc.
     */
    const findAgents = async (session: Session): Promise<string> => {
      const home = (await session.exec('printf %s "$HOME"')).stdout;
      const command = `^${home}/.cache/hostark/agent/.*main.cjs agent`;
      return `found=$(for p in /proc/[0-9]*; do
        if tr '\\0' ' ' < "$p/cmdline" 2>/dev/null | grep -q "${command}"; then echo "\${p#/proc/}"; fi
      done)`;
    };
    /** The repository as the administrator sees it. */
    const expectWhole = async (): Promise<void> => {
      const copy = workspace.path(`copy-${Date.now()}`);
      await run('bucket', 'download', 'kill', copy, '--prefix', 'hosts/web');
      const options = { env: { ...workspace.env, RESTIC_PASSWORD: key, RESTIC_REPOSITORY: copy } };
      await hostarkOk(['unlock', '--remove-all'], options);
      expect(await hostarkOk(['check', '--read-data'], options)).toContain('no errors were found');
    };
    let key: string;

    beforeAll(async () => {
      before = await inventory();
      await run('host', 'launch', 'web', '--bucket', 'kill');
      await addData('first');
      key = /^recovery key: (.*)$/m.exec(await run('protect', 'web', data))![1]!;
    }, 180_000);

    test('by an agent that is killed says so, and the next backup works', async () => {
      await addData('second');
      const session = await logInto('web', env);
      const agents = await findAgents(session);
      const running = await startProtecting();
      await onHost(session, `${agents}; kill -9 $found`);
      await session.close();
      const ended = await running.ended;
      sandbox.faults.clear();
      expect([ended.code, ended.stderr]).toEqual([
        1,
        expect.stringMatching(/"error_code":"(agent-failed|host-unreachable)"/),
      ]);
      await expectWhole();
      expect(lastJson(await run('protect', 'web', data, '--json'))).toMatchObject({
        errorCount: 0,
        summary: { files_new: 1, files_unmodified: 1 },
      });
    });

    test('by a command that is killed with its connection leaves no agent running and a whole repository', async () => {
      await addData('third');
      const running = await startProtecting();
      running.child.kill('SIGKILL');
      await running.ended;
      sandbox.faults.clear();
      expect(lastJson(await run('protect', 'web', data, '--json'))).toMatchObject({
        errorCount: 0,
        summary: { files_unmodified: 2 },
      });
      const session = await logInto('web', env);
      const agents = await findAgents(session);
      await onHost(session, `for i in $(seq 100); do ${agents}; [ -n "$found" ] || exit 0; sleep 0.1; done; exit 1`);
      await session.close();
    });

    test('and whose machine is killed is reported; its backups stay, and cleanup and destroy leave nothing else', async () => {
      await addData('fourth');
      const running = await startProtecting();
      const { EC2Client, TerminateInstancesCommand } = await import('@aws-sdk/client-ec2');
      const ec2 = new EC2Client({
        endpoint: sandbox.endpoint,
        region: sandbox.region,
        credentials: sandbox.adminCredentials,
      });
      const { instanceId } = lastJson(await run('host', 'show', 'web', '--json'));
      await ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId as string] }));
      ec2.destroy();
      const ended = await running.ended;
      sandbox.faults.clear();
      expect([ended.code, ended.stderr]).toEqual([
        1,
        expect.stringMatching(/"error_code":"(agent-failed|host-unreachable)"/),
      ]);
      await expectWhole();
      await run('host', 'destroy', 'web', '--yes');
      await run('cleanup', '--yes');
      expect(await inventory()).toEqual(before);
    });
  });
});

test('a cloud that is killed with its hosts keeps the bucket, and a repository in it stays whole', async () => {
  const workspace = makeWorkspace('kill-cloud');
  const cloud = await startCloud(workspace);
  try {
    await hostarkOk(['bucket', 'create', 'durable'], { env: cloud.env });
    const options = (endpoint: string): { env: Record<string, string>; cwd: string } => ({
      cwd: workspace.root,
      env: { ...cloud.env, RESTIC_PASSWORD: 'x', RESTIC_REPOSITORY: `s3:${endpoint}/durable/repo` },
    });
    const first = options(cloud.env.AWS_ENDPOINT_URL!);
    const bench = new KilledBackups(workspace);
    await bench.prepare();
    bench.addData(0);
    await hostarkOk(['init'], first);
    const running = startHostark(['backup', 'source', '--pack-size', '4', '--limit-upload', '12000'], first);
    const stored = (): boolean => folderBytes(join(cloud.directory, 's3')) > 5_000_000;
    expect(await whenReached(stored, running.ended)).toBe(true);
    cloud.process.child.kill('SIGKILL');
    running.child.kill('SIGKILL'); // it would wait for the storage to come back
    await Promise.all([running.ended, cloud.process.ended]);

    const again = await startSandbox({ directory: cloud.directory });
    try {
      const second = options(again.endpoint);
      await hostarkOk(['unlock'], second);
      expect(await hostarkOk(['check', '--read-data'], second)).toContain('no errors were found');
      await hostarkOk(['backup', 'source'], second);
      await hostarkOk(['restore', 'latest', '--target', 'out', '--verify'], second);
      expect(existsSync(workspace.path('out/source/0-0'))).toBe(true);
    } finally {
      await again.stop();
    }
  } finally {
    cloud.process.child.kill('SIGKILL');
    await cloud.process.ended;
    workspace.remove();
  }
});
