/** Buckets by hand: adopted only when asked to, audited, mended; downloads that are killed and of one snapshot. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { startSandbox } from '@hostark/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ended, hostark, hostarkOk, jsonLines, makeWorkspace, startHostark } from '../support/hostark.ts';

describe('buckets by hand', () => {
  const workspace = makeWorkspace('buckets');
  let box: Awaited<ReturnType<typeof startSandbox>>;
  let env: Record<string, string>;
  let s3: S3Client;
  const run = (...args: string[]): Promise<string> => hostarkOk(args, { env, cwd: workspace.root });
  const ended = (...args: string[]): Promise<Ended> => hostark(args, { env, cwd: workspace.root });

  beforeAll(async () => {
    box = await startSandbox({ directory: workspace.path('cloud'), durable: false });
    env = { ...workspace.env, ...box.environment(), RESTIC_PASSWORD: 'by hand' };
    const { endpoint, region, adminCredentials: credentials } = box;
    s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  });
  afterAll(async () => {
    s3?.destroy();
    await box?.stop();
    workspace.remove();
  });

  test('a bucket of ours is planned with its price, created, and created again without a change', async () => {
    const plan = await run('bucket', 'create', 'backups', '--storage-class', 'glacier_ir', '--size', '500', '-n');
    expect(plan).toMatch(/500 GiB \$2\.00[\s\S]*charged for 90 days/);
    await run('bucket', 'create', 'backups', '--storage-class', 'GLACIER_IR');
    expect(await run('bucket', 'create', 'backups')).toContain('nothing was changed');
    expect(await run('bucket', 'audit', 'backups')).toContain('as it should be');
  });

  test('what another made is adopted only when asked to', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'theirs' }));
    const asked = await ended('bucket', 'create', 'theirs');
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('not made by Hostark')]);
    expect(asked.stderr).toContain('versioning: set: versioning on');
    expect((await ended('bucket', 'audit', 'theirs')).code).toBe(22);
    await run('bucket', 'create', 'theirs', '--yes');
    expect((await ended('bucket', 'audit', 'theirs')).code).toBe(0);
  });

  test('an audit names what is off with exit 22, asks before it mends, and mends', async () => {
    const VersioningConfiguration = { Status: 'Suspended' } as const;
    await s3.send(new PutBucketVersioningCommand({ Bucket: 'backups', VersioningConfiguration }));
    const off = await ended('bucket', 'audit', 'backups', '--json');
    expect(off.code).toBe(22);
    expect(jsonLines(off.stdout)[0]).toMatchObject({ deviations: [{ check: 'versioning', found: 'Suspended' }] });
    expect(JSON.parse(off.stderr)).toMatchObject({ code: 22, error_code: 'not-healthy' });
    expect((await ended('bucket', 'audit', 'backups', '--fix')).code).toBe(2);
    expect((await ended('bucket', 'audit', 'backups', '--fix', '-n')).code).toBe(22);
    expect(await run('bucket', 'audit', 'backups', '--fix', '--yes')).toContain('fixed   versioning');
    expect((await ended('bucket', 'audit', 'nobody-made-this')).code).toBe(10);
  });

  test.each([
    [['bucket', 'create', 'x-s3alias'], 2],
    [['bucket', 'create', 'fine-name', '--storage-class', 'DEEP_ARCHIVE'], 2],
    [['bucket', 'create', 'fine-name', '--expire-noncurrent', '0'], 2],
    [['bucket', 'create', 'fine-name', '--object-lock', 'soon'], 2],
    [['bucket', 'create', 'fine-name', '--kms-key', 'my key'], 2],
    [['bucket', 'download', 'backups', 'a', 'b', 'c'], 2],
    [['bucket', 'download', 'backups', 'a', 'b', '--prefix', 'c'], 2],
  ])('%j is refused before anything is asked', async (args, code) => {
    const before = JSON.stringify(box.counts());
    const refused = await ended(...args);
    expect([refused.code, refused.stderr]).toEqual([code, expect.stringContaining('expected')]);
    expect(JSON.stringify(box.counts())).toBe(before);
  });

  test('a download killed in the middle is no repository, keeps only whole objects, and goes on', async () => {
    const data = workspace.path('data');
    mkdirSync(data);
    for (const name of 'abcdef') writeFileSync(join(data, name), randomBytes(6_000_000));
    const repo = ['-r', `s3:${box.endpoint}/backups/hosts/web`];
    await run('init', ...repo);
    await run('backup', ...repo, '--pack-size', '4', data);
    const copy = workspace.path('copy');
    box.faults.add({ service: 's3', operation: 'GetObject', kind: 'delay', delayMs: 250, times: Infinity });
    const download = startHostark(['bucket', 'download', 'backups', 'hosts/web', copy], { env });
    const packs = (): string[] =>
      existsSync(join(copy, 'data'))
        ? readdirSync(join(copy, 'data'), { recursive: true, encoding: 'utf8' }).filter((path) => path.length === 67)
        : [];
    while (packs().length === 0 && download.child.exitCode === null) await new Promise((done) => setTimeout(done, 5));
    download.child.kill('SIGKILL');
    expect((await download.ended).signal).toBe('SIGKILL');
    box.faults.clear();
    expect(existsSync(join(copy, 'config'))).toBe(false);
    const arrived = packs();
    for (const path of arrived) {
      const bytes = readFileSync(join(copy, 'data', path));
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(path.slice(3));
    }
    const summary = jsonLines(await run('bucket', 'download', 'backups', 'hosts/web', copy, '--json')).at(-1)!;
    expect(summary.kept).toBeGreaterThanOrEqual(arrived.length);
    expect(await run('check', '-r', copy, '--read-data')).toContain('no errors were found');
    expect(readdirSync(copy, { recursive: true, encoding: 'utf8' }).filter((path) => path.includes('-tmp-'))).toEqual(
      [],
    );
  });

  test('what one snapshot needs is a repository with that snapshot, and grows by another', async () => {
    const repo = ['-r', `s3:${box.endpoint}/backups/hosts/web`];
    writeFileSync(workspace.path('data/a'), 'now small');
    await run('backup', ...repo, workspace.path('data/a'));
    const [all, small] = [workspace.path('copy'), workspace.path('one')];
    const summary = jsonLines(
      await run('bucket', 'download', 'backups', 'hosts/web', small, '--snapshot', 'latest', '--json'),
    );
    expect((summary.at(-1) as { bytes: number }).bytes).toBeLessThan(10_000);
    expect(await run('check', '-r', small, '--read-data')).toMatch(/checked 1 snapshot.*\n[\s\S]*no errors were found/);
    expect(await run('dump', '-r', small, 'latest', workspace.path('data/a'))).toBe('now small');
    const [first] = jsonLines(await run('snapshots', '-r', all, '--json')) as { id: string }[];
    await run('bucket', 'download', 'backups', 'hosts/web', small, '--snapshot', first!.id.slice(0, 8));
    expect(await run('check', '-r', small, '--read-data')).toMatch(
      /checked 2 snapshots.*\n[\s\S]*no errors were found/,
    );
    const wrong = await hostark(
      ['bucket', 'download', 'backups', 'hosts/web', workspace.path('x'), '--snapshot', 'latest'],
      {
        env: { ...env, RESTIC_PASSWORD: 'wrong' },
      },
    );
    expect([wrong.code, existsSync(workspace.path('x'))]).toEqual([12, false]);
  });
});
