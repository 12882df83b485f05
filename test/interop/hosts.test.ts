/** The main job by hand, as a user would do it with the command line and the sandbox: lose a host, bring it back. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { logInto, onHost, startCloud, type TestCloud } from '../support/cloud.ts';
import { hostark, hostarkOk, jsonLines, makeWorkspace } from '../support/hostark.ts';

/** Files that a plain copy would lose or change. */
const DATA_SCRIPT = `
mkdir -p "$HOME/data/sub" && cd "$HOME/data"
head -c 3000000 /dev/urandom > random
printf 'one inode, two names' > first && ln first second && ln -s first link
truncate -s 2M sparse && printf end >> sparse
printf x > 'odd "name"' && touch -d '2001-02-03 04:05:06.789 UTC' first && chmod 750 sub
pwd`;

/** One line for each file: type, mode, size, time, target, and what is in it. */
const RECORD_SCRIPT = `find . -mindepth 1 ! -type d -printf '%P %y %m %s %T@ %l\\n' | LC_ALL=C sort; find . -type f -exec sha256sum {} + | LC_ALL=C sort`;

describe('a host and its backups, by hand', () => {
  const workspace = makeWorkspace('hosts');
  let cloud: TestCloud;
  let data: string;
  let record: string;
  let recoveryKey: string;
  const run = (...args: string[]): Promise<string> => hostarkOk(args, { env: cloud.env, cwd: workspace.root });
  const runJson = async (...args: string[]): Promise<Record<string, unknown>> =>
    jsonLines(await run(...args, '--json')).at(-1)!;

  beforeAll(async () => {
    cloud = await startCloud(workspace);
  });
  afterAll(async () => {
    await cloud?.stop();
    workspace.remove();
  });

  test('a bucket is planned, created, hardened, and created again without a change', async () => {
    expect(await run('bucket', 'create', 'by-hand', '--dry-run')).toContain('would create bucket by-hand');
    const missing = await hostark(['bucket', 'show', 'by-hand'], { env: cloud.env });
    expect([missing.code, missing.stdout]).toEqual([1, expect.stringContaining('there is no bucket by-hand')]);
    expect(await runJson('bucket', 'create', 'by-hand')).toMatchObject({ message_type: 'summary', created: true });
    const again = await runJson('bucket', 'create', 'by-hand');
    expect(again).toMatchObject({ created: false });
    expect((again.settings as { changed: boolean }[]).filter(({ changed }) => changed)).toEqual([]);
    expect(await runJson('bucket', 'show', 'by-hand')).toMatchObject({ exists: true, objects: 0 });
  });

  test('a host is planned, launched, listed and shown, and its private key is not', async () => {
    expect(await run('host', 'launch', 'web', '--bucket', 'by-hand', '--dry-run')).not.toBe('');
    expect(await runJson('host', 'list')).toBeUndefined();
    const { host } = (await runJson('host', 'launch', 'web', '--bucket', 'by-hand')) as {
      host: { instanceId: string };
    };
    expect(await runJson('host', 'list')).toMatchObject({ name: 'web', state: 'running', bucket: 'by-hand' });
    const shown = await run('host', 'show', 'web');
    expect(shown).toContain(host.instanceId);
    expect(shown).not.toMatch(/PRIVATE KEY|id_ed25519/);
    // Launching what is there launches nothing: a launch that was cut off can simply be repeated.
    expect(await runJson('host', 'launch', 'web', '--bucket', 'by-hand')).toMatchObject({
      host: { instanceId: host.instanceId },
    });
    expect(jsonLines(await run('host', 'list', '--json')).length).toBe(1);
    const session = await logInto('web', cloud.env);
    data = (await onHost(session, DATA_SCRIPT)).trim();
    await session.close();
  });

  test('the first backup makes the repository and shows the recovery key once; the second is incremental', async () => {
    // The key is told as soon as it exists: also when the backup itself then fails.
    const failed = await hostark(['protect', 'web', '/nowhere'], { env: cloud.env });
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('none of 1 exists')]);
    recoveryKey = /^recovery key: ([a-z0-9]{8}(-[a-z0-9]{8}){3})$/m.exec(failed.stdout)![1]!;
    expect(await runJson('protect', 'web', data)).toMatchObject({
      errorCount: 0,
      recoveryKey: null,
      summary: { files_new: 5, files_changed: 0 },
    });
    const session = await logInto('web', cloud.env);
    await onHost(session, `cd '${data}' && printf more > sub/new && printf changed >> first`);
    record = await onHost(session, `cd '${data}'\n${RECORD_SCRIPT}`);
    await session.close();
    const second = await runJson('protect', 'web', data, '--tag', 'nightly', '--exclude', 'nothing');
    // Two names of the changed inode; symbolic links are not counted.
    expect(second).toMatchObject({
      recoveryKey: null,
      summary: { files_new: 1, files_changed: 2, files_unmodified: 3 },
    });
    expect(second.bytesUploaded).toBeLessThan(100_000);
    expect(await runJson('bucket', 'show', 'by-hand')).toMatchObject({ hosts: ['web'] });
  });

  test('the host cannot harm its history: what it wrote before it can neither delete nor overwrite', async () => {
    const session = await logInto('web', cloud.env);
    const credentials = await onHost(
      session,
      `token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/api/token")
       role=$(curl -fsS -H "X-aws-ec2-metadata-token: $token" "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/meta-data/iam/security-credentials/")
       curl -fsS -H "X-aws-ec2-metadata-token: $token" "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/meta-data/iam/security-credentials/$role"`,
    );
    await session.close();
    const { AccessKeyId, SecretAccessKey, Token } = JSON.parse(credentials);
    const env = {
      ...cloud.env,
      AWS_ACCESS_KEY_ID: AccessKeyId,
      AWS_SECRET_ACCESS_KEY: SecretAccessKey,
      AWS_SESSION_TOKEN: Token,
      RESTIC_PASSWORD: recoveryKey,
    };
    const place = `s3:${cloud.env.AWS_ENDPOINT_URL}/by-hand/hosts/web`;
    // It reads its own history with its own role ...
    expect(jsonLines(await hostarkOk(['snapshots', '-r', place, '--json'], { env })).length).toBe(2);
    // ... but not that of others, nor any of its keys and snapshots away.
    const foreign = await hostark(['snapshots', '-r', place.replace('hosts/web', 'hosts/other')], { env });
    expect(foreign.code).not.toBe(0);
    const { S3Client, DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand } = await import(
      '@aws-sdk/client-s3'
    );
    const s3 = new S3Client({
      endpoint: cloud.env.AWS_ENDPOINT_URL!,
      region: cloud.env.AWS_REGION!,
      forcePathStyle: true,
      credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token },
    });
    const listed = await s3.send(new ListObjectsV2Command({ Bucket: 'by-hand', Prefix: 'hosts/web/' }));
    const keys = listed.Contents!.map(({ Key }) => Key!).filter((key) => !key.includes('/locks/'));
    expect(keys.length).toBeGreaterThan(8);
    for (const Key of keys) {
      await expect(s3.send(new DeleteObjectCommand({ Bucket: 'by-hand', Key }))).rejects.toThrow();
      await expect(s3.send(new PutObjectCommand({ Bucket: 'by-hand', Key, Body: 'harm' }))).rejects.toThrow();
    }
    s3.destroy();
  });

  test('destroying asks, can be tried dry, and leaves only the bucket', async () => {
    const old = await hostark(['host', 'destroy', 'web', '--max-age', '1ms', '--yes'], { env: cloud.env });
    expect([old.code, old.stderr]).toEqual([22, expect.stringMatching(/newest backup [0-9a-f]{8} is \d+ s old/)]);
    const asked = await hostark(['host', 'destroy', 'web'], { env: cloud.env });
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('expected --yes')]);
    expect(await run('host', 'destroy', 'web', '--dry-run')).toMatch(/newest backup: [0-9a-f]{8} of /);
    expect(await runJson('host', 'list')).toMatchObject({ name: 'web', state: 'running' });
    await run('host', 'destroy', 'web', '--yes');
    expect(await runJson('host', 'list')).toBeUndefined();
  });

  test('the repository is downloaded and, without any cloud, checked and restored with the recovery key', async () => {
    const download = ['bucket', 'download', 'by-hand', 'copy', '--prefix', 'hosts/web'];
    await run(...download, '--dry-run');
    expect(await runJson(...download)).toMatchObject({ kept: 0 });
    expect(((await runJson(...download)) as { kept: number }).kept).toBeGreaterThan(5);
    const offline = {
      cwd: workspace.root,
      env: { ...workspace.env, RESTIC_PASSWORD: recoveryKey, RESTIC_REPOSITORY: workspace.path('copy') },
    };
    expect(await hostarkOk(['check', '--read-data'], offline)).toContain('no errors were found');
    expect(await hostarkOk(['dump', 'latest', `${data}/sub/new`], offline)).toBe('more');
    const wrong = await hostark(['snapshots'], { ...offline, env: { ...offline.env, RESTIC_PASSWORD: 'wrong' } });
    expect(wrong.code).toBe(12);
  });

  test('a snapshot comes back from the bucket into a folder, and onto a new host, byte for byte', async () => {
    const needsBucket = await hostark(['recover', 'latest', '--from', 'web', '--to', './out'], { env: cloud.env });
    expect([needsBucket.code, needsBucket.stderr]).toEqual([1, expect.stringContaining('add --bucket NAME')]);
    const from = ['--from', 'web', '--bucket', 'by-hand'];
    await run('recover', `latest:${data}/sub`, ...from, '--to', './out');
    expect(readFileSync(workspace.path('out/new'), 'utf8')).toBe('more');
    // Onto the host itself, that is a new one of the old name: below a folder of its own, for machines without a root.
    await run('recover', 'latest', ...from, '--to', 'new', '--target', '/tmp/hostark-back');
    const session = await logInto('web', cloud.env);
    try {
      expect(await onHost(session, `cd '/tmp/hostark-back${data}'\n${RECORD_SCRIPT}`)).toBe(record);
    } finally {
      await onHost(session, 'rm -rf /tmp/hostark-back');
      await session.close();
    }
    await run('host', 'destroy', 'web', '--yes');
  });

  test('cleanup finds nothing, and only the bucket is left', async () => {
    expect(await runJson('cleanup', '--yes')).toMatchObject({ removed: [], leftovers: [] });
    const left = (await cloud.stop()).filter(({ kind }) => kind !== 'ec2:security-group' && kind !== 'ec2:vpc');
    expect(left.map(({ kind, id }) => `${kind} ${id}`)).toEqual(['s3:bucket by-hand']);
  });
});
