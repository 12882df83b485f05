/** A host without any way in but Systems Manager: commands, a backup and a restore, and nobody left who can read along. */
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetCommandInvocationCommand, ListCommandsCommand, SSMClient } from '@aws-sdk/client-ssm';
import { quote } from '@hostark/remote';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCloud, type TestCloud } from '../support/cloud.ts';
import { type Ended, hostark, hostarkOk, jsonLines, makeWorkspace, startHostark } from '../support/hostark.ts';

/** Prints what the metadata endpoint of an instance hands out. */
const CREDENTIALS = `(async () => {
  const at = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT + '/latest/';
  const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' };
  const token = await (await fetch(at + 'api/token', { method: 'PUT', headers })).text();
  const get = async (path) => (await fetch(at + path, { headers: { 'X-aws-ec2-metadata-token': token } })).text();
  const place = 'meta-data/iam/security-credentials/';
  console.log(await get(place + (await get(place)).trim()));
})()`;

describe('a host over Systems Manager', () => {
  const workspace = makeWorkspace('ssm');
  let cloud: TestCloud;
  let s3: S3Client;
  let ssm: SSMClient;
  let instanceId: string;
  let recoveryKey = '';
  const run = (...args: string[]): Promise<string> => hostarkOk(args, { env: cloud.env, cwd: workspace.root });
  const onHost = (...words: string[]): Promise<Ended> =>
    hostark(['host', 'exec', 'far', '-q', '--', ...words], { env: cloud.env, cwd: workspace.root });
  const keys = async (Prefix: string): Promise<string[]> => {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: 'far-away', Prefix }));
    return Contents.map(({ Key }) => Key ?? '');
  };

  beforeAll(async () => {
    cloud = await startCloud(workspace);
    const credentials = {
      accessKeyId: cloud.env.AWS_ACCESS_KEY_ID!,
      secretAccessKey: cloud.env.AWS_SECRET_ACCESS_KEY!,
    };
    const settings = { endpoint: cloud.env.AWS_ENDPOINT_URL!, region: 'us-east-1', credentials };
    s3 = new S3Client({ ...settings, forcePathStyle: true });
    ssm = new SSMClient(settings);
    await run('bucket', 'create', 'far-away');
    await run('host', 'launch', 'far', '--bucket', 'far-away', '--ssm', '--no-ssh');
    instanceId = (jsonLines(await run('host', 'show', 'far', '--json')).at(-1) as { instanceId: string }).instanceId;
  }, 120_000);
  afterAll(async () => {
    s3?.destroy();
    ssm?.destroy();
    await cloud?.stop();
    workspace.remove();
  });

  test('runs a command there as root; output, errors and exit status are passed through', async () => {
    expect(await onHost('id -u; echo bad >&2; exit 7')).toMatchObject({ code: 7, stdout: '0\n', stderr: 'bad\n' });
  });

  test('passes on more output than Systems Manager would, and standard input', async () => {
    expect((await onHost('printf', '%s|%0100000d', "it's $HOME", '0')).stdout).toBe(
      `it's $HOME|${'0'.repeat(100_000)}`,
    );
    const input = Buffer.alloc(3_000_000, 'data\n');
    const counted = await hostark(['host', 'exec', 'far', '-q', '--stdin', '--', 'wc -c'], {
      env: cloud.env,
      stdin: input,
    });
    expect(counted).toMatchObject({ code: 0, stdout: '3000000\n' });
  });

  test('is backed up and restored', async () => {
    const made = await onHost(
      'mkdir -p /srv/data && cd /srv/data && seq 1000 > numbers && ln numbers twice && id > who',
    );
    expect(made.code).toBe(0);
    const first = jsonLines(await run('protect', 'far', '/srv/data', '--json'));
    recoveryKey = first.find((line) => line.message_type === 'recovery_key')!.recovery_key as string;
    expect(first.at(-1)).toMatchObject({ message_type: 'summary', errorCount: 0 });
    const recover = [
      'recover',
      'latest',
      '--from',
      'far',
      '--to',
      'far',
      '--via',
      'ssm',
      '--target',
      '/back',
      '--json',
    ];
    expect(jsonLines(await run(...recover)).at(-1)).toMatchObject({ errorCount: 0 });
    expect((await onHost('cd /back/srv/data && tail -n 1 twice && stat -c %h numbers')).stdout).toBe('1000\n2\n');
  });

  test('leaves no session in the bucket, one agent, and no secret in what Systems Manager keeps', async () => {
    expect(await keys('hosts/far/runs/')).toEqual([]);
    expect(await keys('agents/')).toEqual([expect.stringMatching(/^agents\/[0-9a-f]{64}\.tar\.gz$/)]);
    const { Commands = [] } = await ssm.send(new ListCommandsCommand({}));
    expect(Commands.length).toBeGreaterThan(8);
    const texts = await Promise.all(
      Commands.map(async ({ CommandId, Parameters }) => {
        const shown = await ssm.send(new GetCommandInvocationCommand({ CommandId, InstanceId: instanceId }));
        return JSON.stringify([Parameters, shown.StandardOutputContent, shown.StandardErrorContent]);
      }),
    );
    const secrets = [recoveryKey, cloud.env.AWS_SECRET_ACCESS_KEY!, '/srv/data'];
    expect(recoveryKey.length).toBeGreaterThan(20);
    for (const secret of secrets) expect(texts.some((text) => text.includes(secret))).toBe(false);
    expect(Commands.filter(({ Status }) => Status !== 'Success')).toEqual([]);
  });

  test('may create its answers once, reads agents, and can neither give orders nor place agents', async () => {
    const { stdout } = await onHost(`"$HOME"/.cache/hostark/agent/*/bin/node -e ${quote(CREDENTIALS)}`);
    const { AccessKeyId, SecretAccessKey, Token } = JSON.parse(stdout) as Record<string, string>;
    const credentials = { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: Token! };
    const settings = { endpoint: cloud.env.AWS_ENDPOINT_URL!, region: 'us-east-1', credentials };
    const host = new S3Client({ ...settings, forcePathStyle: true, maxAttempts: 1 });
    const put = (Key: string, more: object = { IfNoneMatch: '*' }): Promise<string> =>
      host.send(new PutObjectCommand({ Bucket: 'far-away', Key, Body: 'x', ...more })).then(
        () => 'created',
        (error: Error) => error.name,
      );
    const [agent] = await keys('agents/');
    const run = '20260101T000000Z-0123456789abcdef';
    expect({
      answer: await put(`hosts/far/runs/${run}/out/0000000000`),
      again: await put(`hosts/far/runs/${run}/out/0000000000`),
      overwrite: await put(`hosts/far/runs/${run}/out/0000000000`, {}),
      order: await put(`hosts/far/runs/${run}/in/0000000000`),
      ofAnother: await put(`hosts/near/runs/${run}/out/0000000000`),
      agent: await put(`agents/${'0'.repeat(64)}.tar.gz`),
      reads: (await host.send(new HeadObjectCommand({ Bucket: 'far-away', Key: agent! }))).$metadata.httpStatusCode,
    }).toEqual({
      answer: 'created',
      again: 'PreconditionFailed',
      overwrite: 'AccessDenied',
      order: 'AccessDenied',
      ofAnother: 'AccessDenied',
      agent: 'AccessDenied',
      reads: 200,
    });
    host.destroy();
    // A session that ended badly long ago is cleared away by the next one.
    expect((await onHost('true')).code).toBe(0);
    expect(await keys('hosts/far/runs/')).toEqual([]);
  });

  test('ends what runs there on Ctrl-C, and says so', async () => {
    const running = startHostark(['host', 'exec', 'far', '--', 'echo up; sleep 907'], { env: cloud.env });
    while (!running.stdout().includes('up')) {
      const early = await Promise.race([new Promise((go) => running.child.stdout!.once('data', go)), running.ended]);
      if (typeof early === 'object' && early !== null && 'code' in early) throw new Error(JSON.stringify(early));
    }
    running.child.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130, stderr: expect.stringContaining('interrupted') });
    expect((await onHost('cat /proc/[0-9]*/cmdline | tr "\\0" " " | grep -c "sleep 90[7]"')).stdout).toBe('0\n');
    expect(await keys('hosts/far/runs/')).toEqual([]);
  });

  test('whose operator is killed keeps only what nobody else can read', async () => {
    const running = startHostark(['host', 'exec', 'far', '--', 'echo a-word-that-is-nowhere-else; sleep 1'], {
      env: cloud.env,
    });
    while (!running.stdout().includes('a-word')) await new Promise((go) => running.child.stdout!.once('data', go));
    running.child.kill('SIGKILL');
    await running.ended;
    const left = await keys('hosts/far/runs/');
    expect(left.length).toBeGreaterThan(2);
    for (const Key of left) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'far-away', Key }));
      expect(await Body!.transformToString('latin1')).not.toContain('nowhere-else');
    }
  });

  test('gives no shell, and says what does', async () => {
    const refused = await hostark(['host', 'ssh', 'far'], { env: cloud.env });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('hostark host exec far -- COMMAND') });
  });
});
