/**
 * Both command lines on the same repositories, by folder and by S3: what they print with --json, what they find, how
 * they lock, and the cache they share. Needs `restic` on PATH; not part of `npm test`.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { acquireLock } from '@hostark/repository';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCloud, type TestCloud } from '../support/cloud.ts';
import { whenReached } from '../support/growth.ts';
import {
  type Ended,
  hostark,
  hostarkOk,
  jsonLines,
  makeWorkspace,
  start,
  describe as tell,
} from '../support/hostark.ts';
import { noise } from '../support/kill-backups.ts';
import { withoutRestic } from '../support/oracles.ts';
import { makeRepository, openFolder, PASSWORD } from '../support/repository.ts';

type Json = Record<string, unknown>;
/** One of the two programs. */
type Run = (args: readonly string[]) => Promise<Ended>;

/** What a place does not have needs no test there. */
const ignore = (): void => {};

const PLACES = [
  { place: 'folder', version: 1 },
  { place: 'folder', version: 2 },
  { place: 's3', version: 1 },
  { place: 's3', version: 2 },
] as const;

describe.skipIf(withoutRestic).each(PLACES)('a $place with version $version', ({ place, version }) => {
  const workspace = makeWorkspace('cli-interop');
  let cloud: TestCloud | null = null;
  let env: Record<string, string>;
  const options = (): { cwd: string; env: Record<string, string> } => ({ cwd: workspace.root, env });
  const programs: Record<string, Run> = {
    hostark: (args) => hostark(args, options()),
    restic: (args) => start('restic', args, options()).ended,
  };
  const ok = async (program: string, ...args: string[]): Promise<string> => {
    const ended = await programs[program]!(args);
    if (ended.code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${tell(ended)}`);
    return ended.stdout;
  };
  const json = async (program: string, ...args: string[]): Promise<Json[]> =>
    jsonLines(await ok(program, ...args, '--json'));
  const summary = async (program: string, ...args: string[]): Promise<Json> =>
    (await json(program, ...args)).find((line) => line.message_type === 'summary')!;

  beforeAll(async () => {
    mkdirSync(workspace.path('src/sub'), { recursive: true });
    writeFileSync(workspace.path('src/file "with" <odd> and\nbroken'), 'content');
    writeFileSync(workspace.path('src/sub/large'), noise('large', 3_000_000));
    writeFileSync(workspace.path('src/empty'), '');
    const base = { ...workspace.env, RESTIC_PASSWORD: PASSWORD, XDG_CACHE_HOME: workspace.path('cache') };
    if (place === 'folder') {
      env = { ...base, RESTIC_REPOSITORY: workspace.path('repo') };
    } else {
      cloud = await startCloud(workspace);
      env = { ...cloud.env, ...base, RESTIC_REPOSITORY: `s3:${cloud.env.AWS_ENDPOINT_URL}/interop/repo` };
      // A plain bucket. Into one that Hostark has hardened, stock restic cannot write snapshots: see the test at the end.
      const { S3Client, CreateBucketCommand } = await import('@aws-sdk/client-s3');
      const s3 = new S3Client({
        endpoint: cloud.env.AWS_ENDPOINT_URL!,
        region: cloud.env.AWS_REGION!,
        forcePathStyle: true,
        credentials: {
          accessKeyId: cloud.env.AWS_ACCESS_KEY_ID!,
          secretAccessKey: cloud.env.AWS_SECRET_ACCESS_KEY!,
        },
      });
      await s3.send(new CreateBucketCommand({ Bucket: 'interop' }));
      s3.destroy();
    }
  });
  afterAll(async () => {
    await cloud?.stop();
    workspace.remove();
  });

  test('that we made and filled is checked and restored by restic, which adds nothing to it', async () => {
    await ok('hostark', 'init', '--repository-version', String(version));
    await ok('hostark', 'backup', 'src', '--host', 'both', '--tag', 'ours');
    const check = await ok('restic', 'check', '--read-data');
    expect(check).toContain('no errors were found');
    await ok('restic', 'restore', 'latest', '--target', 'theirs', '--verify');
    expect(await start('diff', ['-r', 'src', 'theirs/src'], options()).ended).toMatchObject({ code: 0, stdout: '' });
    expect(await summary('restic', 'backup', 'src', '--host', 'both')).toMatchObject({
      files_new: 0,
      files_changed: 0,
      files_unmodified: 3,
      dirs_changed: 0,
      data_added: 0,
      tree_blobs: 0,
    });
  });

  test('is listed by both alike: snapshots, ls, find by prefix and filter', async () => {
    const [ours, theirs] = [await json('hostark', 'snapshots'), await json('restic', 'snapshots')];
    expect(ours).toEqual(theirs);
    expect(ours.length).toBe(2);
    for (const filter of [['--tag', 'ours'], ['--latest', '1'], [(ours[0] as Json).short_id as string]])
      expect(await json('hostark', 'snapshots', ...filter)).toEqual(await json('restic', 'snapshots', ...filter));
    for (const spec of ['latest', (ours[0] as Json).id as string]) {
      const [a, b] = [await json('hostark', 'ls', spec), await json('restic', 'ls', spec)];
      expect(a.length).toBe(6);
      expect(a).toEqual(b);
    }
    const long = [await ok('hostark', 'ls', 'latest', '--long'), await ok('restic', 'ls', 'latest', '--long')];
    // restic's heading stands on stdout.
    expect(long[0]).toBe(long[1]!.slice(long[1]!.indexOf('\n') + 1));
  });

  test('is added to by both alike: the same summary but for times and sizes of compression', async () => {
    writeFileSync(workspace.path('src/sub/new'), noise('new', 100_000));
    writeFileSync(workspace.path('src/empty'), 'no more');
    const dry = [
      await summary('hostark', 'backup', 'src', '--host', 'both', '-n'),
      await summary('restic', 'backup', 'src', '--host', 'both', '-n'),
    ];
    const same = ({
      backup_start,
      backup_end,
      total_duration,
      snapshot_id,
      data_added_packed,
      ...rest
    }: Json): Json => {
      for (const value of [backup_start, backup_end]) expect(Number.isNaN(Date.parse(value as string))).toBe(false);
      expect([typeof total_duration, typeof data_added_packed]).toEqual(['number', 'number']);
      expect(snapshot_id === undefined || typeof snapshot_id === 'string').toBe(true);
      return rest;
    };
    expect(same(dry[0]!)).toEqual(same(dry[1]!));
    const theirs = await summary('restic', 'backup', 'src', '--host', 'both');
    expect(theirs).toMatchObject({ files_new: 1, files_changed: 1, files_unmodified: 2 });
    expect(await summary('hostark', 'backup', 'src', '--host', 'both')).toMatchObject({
      files_new: 0,
      files_changed: 0,
      files_unmodified: 4,
      dirs_changed: 0,
      data_added: 0,
      tree_blobs: 0,
    });
  });

  test('is found whole by both, in the same words', async () => {
    const [ours, theirs] = [
      await summary('hostark', 'check', '--read-data'),
      await summary('restic', 'check', '--read-data'),
    ];
    expect(theirs).toMatchObject({ num_errors: 0 });
    expect(ours).toMatchObject(theirs);
    await ok('hostark', 'restore', 'latest', '--target', 'ours', '--verify');
    expect(await start('diff', ['-r', 'src', 'ours/src'], options()).ended).toMatchObject({ code: 0, stdout: '' });
  });

  test('is restored and dumped by both alike', async () => {
    const [ours, theirs] = [
      await summary('hostark', 'restore', 'latest', '--target', 'r1'),
      await summary('restic', 'restore', 'latest', '--target', 'r2'),
    ];
    const { seconds_elapsed: _elapsed, ...counts } = theirs;
    expect(ours).toMatchObject(counts);
    for (const path of ['/src/sub/new', '/src/empty'])
      expect(await ok('hostark', 'dump', 'latest', path)).toBe(await ok('restic', 'dump', 'latest', path));
    expect(await ok('hostark', 'cat', 'config')).toBe(await ok('restic', 'cat', 'config'));
    const blobs = async (program: string): Promise<string[]> =>
      (await ok(program, 'list', 'blobs')).trim().split('\n').sort();
    expect(await blobs('hostark')).toEqual(await blobs('restic'));
  });

  test('ends with the same codes: wrong password, unknown snapshot, no repository', async () => {
    for (const args of [
      ['snapshots', '--password-command', 'echo wrong'],
      ['ls', '0123456789'],
    ]) {
      const bare = Object.fromEntries(
        Object.entries(env).filter(([name]) => name !== 'RESTIC_PASSWORD' || args[1] !== '--password-command'),
      );
      const [ours, theirs] = [
        await hostark(args, { cwd: workspace.root, env: bare }),
        await start('restic', args, { cwd: workspace.root, env: bare }).ended,
      ];
      expect([args, ours.code]).toEqual([args, theirs.code]);
    }
    const absent = ['snapshots', '-r', `${env.RESTIC_REPOSITORY}-absent`];
    expect((await programs.hostark!(absent)).code).toBe((await programs.restic!(absent)).code);
  });

  const onlyRemote = place === 's3' ? test : ignore;
  onlyRemote('has one cache for both: what one fetched the other does not', async () => {
    const [folder] = readdirSync(workspace.path('cache/restic')).filter((name) => /^[0-9a-f]{64}$/.test(name));
    const cached = (): string[] =>
      readdirSync(workspace.path('cache/restic', folder!), { recursive: true }).map(String).sort();
    const before = cached();
    expect(before.filter((name) => name.startsWith('snapshots/')).length).toBeGreaterThan(0);
    await ok('restic', 'ls', 'latest');
    await ok('hostark', 'ls', 'latest');
    const between = cached();
    await ok('restic', 'snapshots');
    await ok('hostark', 'snapshots');
    expect(cached()).toEqual(between);
  });

  const onlyFolder = place === 'folder' ? test : ignore;
  onlyFolder('is locked by both against both, and neither takes a live lock for a dead one', async () => {
    // Restic holds a shared lock while the command that it saves runs.
    mkdirSync(workspace.path('locked'));
    await makeRepository(workspace.path('locked/repo'), { version });
    const locked = { cwd: workspace.root, env: { ...env, RESTIC_REPOSITORY: workspace.path('locked/repo') } };
    const wait = ['--stdin-from-command', '--', 'sh', '-c', 'echo x; while [ ! -e go ]; do sleep 0.05; done'];
    for (const [holder, other] of [
      ['restic', 'hostark'],
      ['hostark', 'restic'],
    ] as const) {
      const startOf = (name: string, args: readonly string[]): Promise<Ended> =>
        name === 'restic' ? start('restic', args, locked).ended : hostark(args, locked);
      const held = startOf(holder, ['backup', ...wait]);
      const folder = workspace.path('locked/repo/locks');
      const locks = (): number => (existsSync(folder) ? readdirSync(folder).length : 0);
      expect(await whenReached(() => locks() === 1, held)).toBe(true);
      expect((await startOf(other, ['unlock'])).code).toBe(0);
      expect(locks()).toBe(1);
      expect((await startOf(other, ['check'])).code).toBe(11);
      expect((await startOf(other, ['snapshots'])).code).toBe(0);
      writeFileSync(workspace.path('go'), '');
      expect((await held).code).toBe(0);
      expect(locks()).toBe(0);
      rmSync(workspace.path('go'));
    }
    // An exclusive one stops restic's backup.
    const repository = await openFolder(workspace.path('locked/repo'));
    const lock = await acquireLock(repository, { host: 'h', user: 'u', pid: 1, uid: 0, gid: 0, exclusive: true });
    expect((await start('restic', ['backup', 'src'], locked).ended).code).toBe(11);
    await lock.release();
    await repository.backend.close();
    expect((await start('restic', ['backup', 'src'], locked).ended).code).toBe(0);
  });
});

describe.skipIf(withoutRestic)('a bucket that Hostark has hardened', () => {
  const workspace = makeWorkspace('hardened');
  let cloud: TestCloud;
  beforeAll(async () => {
    cloud = await startCloud(workspace);
  });
  afterAll(async () => {
    await cloud?.stop();
    workspace.remove();
  });

  test('is read by restic to the last byte, but takes snapshots only from programs that cannot overwrite any', async () => {
    const place = { RESTIC_REPOSITORY: `s3:${cloud.env.AWS_ENDPOINT_URL}/hardened/repo`, RESTIC_PASSWORD: 'x' };
    const options = { cwd: workspace.root, env: { ...cloud.env, ...place } };
    writeFileSync(workspace.path('file'), 'content');
    for (const args of [['bucket', 'create', 'hardened'], ['init'], ['backup', 'file']]) await hostarkOk(args, options);
    const restic = (...args: string[]): Promise<Ended> => start('restic', ['--no-cache', ...args], options).ended;
    expect(await restic('check', '--read-data')).toMatchObject({ code: 0 });
    expect(await restic('dump', 'latest', '/file')).toMatchObject({ code: 0, stdout: 'content' });
    const refused = await restic('backup', 'file');
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('not authorized to perform: s3:PutObject'),
    ]);
    expect(jsonLines(await hostarkOk(['snapshots', '--json'], options)).length).toBe(1);
  });
});
