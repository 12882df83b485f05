/** Stock restic reads what the repository package writes. Needs `restic` on PATH; not part of `npm test`. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodePlatform } from '@hostark/kernels';
import { initRepository, localBackend, openRepository, type Repository, walkTree } from '@hostark/repository';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noise, SAMPLE_NAMES, TINY_COST, writeSample } from '../../packages/repository/test/support/sample.ts';

const platform = nodePlatform();
const hasRestic = spawnSync('restic', ['version']).status === 0;
const password = 'correct-horse';

describe.skipIf(!hasRestic).each([
  { version: 1, compression: 'auto' },
  { version: 2, compression: 'auto' },
  { version: 2, compression: 'off' },
] as const)('a repository of version $version (compression $compression) that we made', ({ version, compression }) => {
  const directory = mkdtempSync(join(tmpdir(), 'hostark-interop-'));
  const repository = join(directory, 'repo');
  const restic = (...args: string[]): string =>
    execFileSync('restic', ['--repo', repository, '--no-cache', ...args], {
      env: { PATH: process.env.PATH, RESTIC_PASSWORD: password, TMPDIR: directory, TZ: 'UTC' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  let repo: Repository;
  let snapshot: string;

  beforeAll(async () => {
    repo = await initRepository(localBackend(repository), { password, platform, version, cost: TINY_COST });
    snapshot = await writeSample(repo, { compression, packBytes: 400_000, maxIndexBlobs: 8 });
  });

  afterAll(async () => {
    await repo.backend.close();
    rmSync(directory, { recursive: true });
  });

  test('passes check --read-data without a remark', () => {
    const output = restic('check', '--read-data');
    expect(output).toContain('no errors were found');
    expect(output).not.toMatch(/warning|hint|repair|mixed/i);
  });

  test('is listed: config, snapshot, blobs, names', async () => {
    expect(JSON.parse(restic('cat', 'config')).id).toBe(repo.config.id);
    const [listed] = JSON.parse(restic('snapshots', '--json'));
    expect(listed).toMatchObject({ id: snapshot, hostname: 'web-1', paths: ['/srv/<a> & b'], tags: ['nightly'] });
    expect(restic('list', 'blobs').trimEnd().split('\n').length).toBe(repo.blobs.entryCount);
    expect(restic('ls', 'latest').trimEnd().split('\n').length).toBeGreaterThan(SAMPLE_NAMES.length);
  });

  test('is restored to the same bytes, verified', async () => {
    const target = join(directory, 'restored');
    restic('restore', 'latest', '--verify', '--target', target);
    const large = readFileSync(join(target, 'large'));
    expect(large.subarray(0, 300_000).equals(noise(platform, 'one', 300_000))).toBe(true);
    for (const [i, name] of SAMPLE_NAMES.entries()) {
      const path = Buffer.concat([Buffer.from(`${target}/names/`), name]);
      expect(readFileSync(path, 'utf8')).toBe(`content of ${i}`);
    }
  });

  test('has canonical trees: rewrite changes nothing', () => {
    expect(restic('rewrite', '--dry-run', '--exclude', '/never/matches', 'latest')).toContain(
      'no snapshots would be modified',
    );
  });

  test('can be pruned, and added to: we read what restic then wrote', async () => {
    writeFileSync(join(directory, 'file'), 'from restic');
    restic('backup', join(directory, 'file'));
    restic('prune', '--repack-small', '--max-unused', '0');
    expect(restic('check', '--read-data')).toContain('no errors were found');
    const again = await openRepository(localBackend(repository), { password, platform });
    await again.loadIndex();
    const { snapshot: latest, tree } = await again.snapshots().resolve('latest');
    expect(latest.programVersion).toMatch(/^restic/);
    const contents: string[] = [];
    await walkTree(again, tree, async ({ node }) => {
      for (const id of node.content ?? []) contents.push(Buffer.from(await again.loadBlob('data', id)).toString());
      return undefined;
    });
    expect(contents).toEqual(['from restic']);
    await again.backend.close();
  });
});
