/** A host that somebody launched long ago: adopted, backed up, looked after, and given back, by hand. */
import { rmSync, writeFileSync } from 'node:fs';
import {
  DescribeImagesCommand,
  DescribeInstancesCommand,
  EC2Client,
  ImportKeyPairCommand,
  type Instance,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { DeleteObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { generateSshKey } from '@hostark/cloud';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCloud, type TestCloud } from '../support/cloud.ts';
import { type Ended, hostark, hostarkOk, jsonLines, makeWorkspace } from '../support/hostark.ts';

describe('a host that ran before', () => {
  const workspace = makeWorkspace('adopt');
  const keyFile = workspace.path('their_key');
  let cloud: TestCloud;
  let ec2: EC2Client;
  let id: string;
  let before: unknown;
  const run = (...args: string[]): Promise<string> => hostarkOk(args, { env: cloud.env, cwd: workspace.root });
  const refused = (...args: string[]): Promise<Ended> => hostark(args, { env: cloud.env, cwd: workspace.root });
  const adopt = (...more: string[]): string[] => [
    'host',
    'adopt',
    'old',
    '--instance',
    id,
    '--bucket',
    'old-hosts',
    ...more,
  ];
  const access = () => ({
    endpoint: cloud.env.AWS_ENDPOINT_URL!,
    region: cloud.env.AWS_REGION!,
    credentials: { accessKeyId: cloud.env.AWS_ACCESS_KEY_ID!, secretAccessKey: cloud.env.AWS_SECRET_ACCESS_KEY! },
  });
  const instance = async (): Promise<Instance> =>
    (await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }))).Reservations![0]!.Instances![0]!;

  beforeAll(async () => {
    cloud = await startCloud(workspace);
    await run('bucket', 'create', 'old-hosts');
    ec2 = new EC2Client(access());
    const key = generateSshKey('theirs');
    writeFileSync(keyFile, key.privateKey, { mode: 0o600 });
    await ec2.send(new ImportKeyPairCommand({ KeyName: 'theirs', PublicKeyMaterial: Buffer.from(key.publicKey) }));
    const { Images = [] } = await ec2.send(new DescribeImagesCommand({}));
    const ImageId = Images.find((one) => one.Name?.startsWith('debian-12-amd64'))!.ImageId!;
    const { Instances = [] } = await ec2.send(
      new RunInstancesCommand({ ImageId, InstanceType: 't3.micro', MinCount: 1, MaxCount: 1, KeyName: 'theirs' }),
    );
    id = Instances[0]!.InstanceId!;
    while ((await instance()).State?.Name !== 'running') await new Promise((resolve) => setTimeout(resolve, 50));
    before = await instance();
  });
  afterAll(async () => {
    ec2?.destroy();
    await cloud?.stop();
    workspace.remove();
  });

  test('is not taken on trust, and nothing is changed when its key or ours is wrong', async () => {
    const unknown = await refused(...adopt('--identity-file', keyFile));
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('none is taken on trust')]);
    const wrong = generateSshKey('wrong');
    const other = await refused(...adopt('--identity-file', keyFile, '--known-host-key', wrong.publicKey));
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('expected host key SHA256:')]);
    writeFileSync(workspace.path('wrong'), wrong.privateKey, { mode: 0o600 });
    const stranger = await refused(...adopt('--identity-file', './wrong', '--trust-console'));
    expect([stranger.code, stranger.stderr]).toEqual([1, expect.stringContaining('does not accept this key')]);
    await run(...adopt('--identity-file', keyFile, '--trust-console', '--dry-run'));
    expect(await instance()).toEqual(before);
  });

  test('is adopted, listed, and backed up as its role, without a restart', async () => {
    expect(await run(...adopt('--identity-file', './their_key', '--trust-console'))).toContain('it was not restarted');
    expect((await instance()).LaunchTime).toEqual((before as Instance).LaunchTime);
    const [listed] = jsonLines(await run('host', 'list', '--json'));
    expect(listed).toMatchObject({ name: 'old', standing: 'adopted', lastBackup: null, price: { complete: true } });
    await run('protect', 'old', '/etc/hostname');
    const [saved] = jsonLines(await run('host', 'list', '--json'));
    expect(saved).toMatchObject({ lastBackup: { snapshotId: expect.any(String), paths: ['/etc/hostname'] } });
    expect(await run('host', 'show', 'old')).toMatch(/lastBackup +[0-9a-f]{8} of /);
    expect(jsonLines(await run('host', 'show', 'old', '--no-backups', '--json'))[0]).toMatchObject({
      lastBackup: null,
      backupNote: 'not looked for',
    });
  });

  test('is not destroyed without the explicit word, nor while its newest backup is not whole', async () => {
    const plain = await refused('host', 'destroy', 'old', '--yes');
    expect([plain.code, plain.stderr]).toEqual([2, expect.stringContaining('host detach old')]);
    const dry = await run('host', 'destroy', 'old', '--adopted', '--dry-run', '--json');
    expect(jsonLines(dry)[0]).toMatchObject({ refused: null, plan: { removals: [{ kind: 'instance', id }, {}, {}] } });
    const s3 = new S3Client({ ...access(), forcePathStyle: true });
    const { Contents = [] } = await s3.send(
      new ListObjectsV2Command({ Bucket: 'old-hosts', Prefix: 'hosts/old/data/' }),
    );
    for (const { Key } of Contents) await s3.send(new DeleteObjectCommand({ Bucket: 'old-hosts', Key: Key! }));
    s3.destroy();
    const broken = await refused('host', 'destroy', 'old', '--adopted', '--yes');
    expect([broken.code, broken.stderr]).toEqual([22, expect.stringContaining('is not whole')]);
    expect(await instance()).toMatchObject({ State: { Name: 'running' } });
  });

  test('is given back as it was, still running', async () => {
    const asked = await refused('host', 'detach', 'old');
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('expected --yes')]);
    expect(await run('host', 'detach', 'old', '--yes')).toContain('runs on as it was');
    expect(await instance()).toEqual(before);
    expect(jsonLines(await run('host', 'list', '--json'))).toEqual([]);
    expect(await run('cleanup', '--dry-run')).toBe('');
    rmSync(keyFile);
  });
});
