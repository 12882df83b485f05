/** Wrong input of the commands around hosts: refused with a code and a hint, before anything is created. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCloud, type TestCloud } from '../support/cloud.ts';
import { type Ended, hostark, hostarkOk, jsonLines, makeWorkspace } from '../support/hostark.ts';

describe('wrong input around hosts', () => {
  const workspace = makeWorkspace('refusals');
  let cloud: TestCloud;
  const run = (...args: string[]): Promise<string> => hostarkOk(args, { env: cloud.env, cwd: workspace.root });
  const refused = (...args: string[]): Promise<Ended> => hostark(args, { env: cloud.env, cwd: workspace.root });
  const hosts = async (): Promise<unknown[]> =>
    jsonLines(await run('host', 'list', '--json')).map(({ name, instanceId }) => `${name} ${instanceId}`);

  beforeAll(async () => {
    cloud = await startCloud(workspace);
    await run('bucket', 'create', 'refusals');
  });
  afterAll(async () => {
    await cloud?.stop();
    workspace.remove();
  });

  test.each([
    [['host', 'launch', 'web', '--bucket', 'nobody-made-this'], 2, 'hostark bucket create nobody-made-this'],
    [['host', 'launch', 'web', '--bucket', 'refusals', '--type', 'z9.huge'], 2, 'nothing was created'],
    [
      ['host', 'launch', 'web', '--bucket', 'refusals', '--arch', 'arm64', '--type', 't3.small'],
      2,
      'choose another type',
    ],
    [['host', 'launch', 'web', '--bucket', 'refusals', '--no-ssh'], 2, 'add --ssm'],
    [['host', 'launch', 'web', '--bucket', 'refusals', '--key-file', './nothing'], 2, 'private half'],
    [['host', 'launch', 'web', '--bucket', 'refusals', '--volume', '10:st1'], 2, 'another size or type'],
    [['host', 'adopt', 'web', '--bucket', 'refusals', '--instance', 'web'], 2, '--identity-file'],
    [['host', 'adopt', 'web', '--bucket', 'refusals', '--ssm', '--instance', 'web'], 2, 'describe-instances'],
    [['host', 'destroy', 'web', '--max-age', 'soon'], 2, 'such as 30s'],
    [['host', 'detach', 'web'], 1, 'hostark host list'],
    [['bucket', 'create', 'Not_A_Name'], 2, 'bucket names are shared'],
    [['bucket', 'download', 'nobody-made-this', './x'], 10, 'hint:'],
    [['protect', 'nobody', '/etc'], 1, 'hostark host list'],
    [['recover', 'latest', '--from', 'nobody', '--bucket', 'refusals', '--to', 'new'], 12, 'recovery-key'],
  ])('%j is refused with a hint', async (args, code, hint) => {
    const ended = await refused(...args);
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(hint)]);
    expect(ended.stderr).not.toMatch(/^\s+at /m);
    expect(await hosts()).toEqual([]);
    expect(readFileSync(workspace.path('home/.local/state/hostark/ledger.jsonl'), 'utf8')).not.toContain('"role"');
  });

  test('missing credentials, a missing region and a bad endpoint are told as such, and so is a cloud that is gone', async () => {
    const env = { ...workspace.env, AWS_EC2_METADATA_DISABLED: 'true' };
    const told = async (extra: Record<string, string>): Promise<[number | null, string]> => {
      const { code, stderr } = await hostark(['host', 'list'], { env: { ...env, ...extra } });
      return [code, stderr];
    };
    const keys = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'not-to-be-seen' };
    expect(await told({})).toEqual([20, expect.stringContaining('give --region')]);
    expect(await told({ AWS_REGION: 'us-east-1' })).toEqual([20, expect.stringContaining('set up credentials')]);
    expect(await told({ ...keys, AWS_ENDPOINT_URL: 'nonsense' })).toEqual([
      2,
      expect.stringContaining('expected a URL'),
    ]);
    const [code, stderr] = await told({ ...keys, AWS_ENDPOINT_URL: cloud.env.AWS_ENDPOINT_URL! });
    expect([code, stderr]).toEqual([20, expect.stringContaining('hint: check the access key')]);
    expect(stderr).not.toContain('not-to-be-seen');
    expect(await told({ ...keys, AWS_ENDPOINT_URL: 'http://127.0.0.1:9' })).toEqual([
      1,
      expect.stringContaining('no answer'),
    ]);
  });

  test('a recovery that cannot succeed launches nothing, and a new host is never one that is there', async () => {
    await run('host', 'launch', 'web', '--bucket', 'refusals');
    await run('protect', 'web', '/etc/hostname');
    const before = await hosts();
    const missing = await refused('recover', 'abcdef', '--from', 'web', '--to', 'new');
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('no snapshot has an id')]);
    const taken = await refused('recover', 'latest', '--from', 'web', '--to', 'new:web');
    expect([taken.code, taken.stderr]).toEqual([2, expect.stringContaining('host web exists')]);
    const open = await refused('recover', 'latest', '--from', 'web', '--to', 'new', '--ssh-from', 'everybody');
    expect([open.code, open.stderr]).toEqual([2, expect.stringContaining('expected an IPv4 block')]);
    const plan = await run('recover', 'latest', '--from', 'web', '--to', 'new', '--dry-run');
    expect(plan).toMatch(/would create: instance t3\.small/);
    expect(plan).toMatch(/would restore [0-9a-f]{8} \(\/etc\/hostname/);
    expect(await hosts()).toEqual(before);
  });

  test('a host that replaces another goes on with its backups', async () => {
    await run('recover', 'latest', '--from', 'web', '--to', 'new:web-2', '--target', workspace.path('back'));
    const summary = jsonLines(await run('protect', 'web-2', '/etc/hostname', '--json')).at(-1)!;
    expect(summary).toMatchObject({ errorCount: 0, recoveryKey: null });
    for (const name of ['web', 'web-2']) await run('host', 'destroy', name, '--yes');
  });
});
