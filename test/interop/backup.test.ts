/** Stock restic and our backups take over from each other. Needs `restic` on PATH; not part of `npm test`. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backup, compileSelector } from '@hostark/archive';
import { nodePlatform } from '@hostark/kernels';
import { type FormatVersion, initRepository, localBackend, openRepository } from '@hostark/repository';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeStrangeTree } from '../../packages/archive/test/backup/strange-tree.ts';

const hasRestic = spawnSync('restic', ['version']).status === 0;
const password = 'correct-horse';
const platform = nodePlatform();
const host = 'interop';
/** What restic sees as its environment: the same zone as this process, or times would differ. */
const zone = process.env.TZ === undefined ? {} : { TZ: process.env.TZ };

interface Summary {
  readonly files_new: number;
  readonly files_changed: number;
  readonly files_unmodified: number;
  readonly dirs_new: number;
  readonly dirs_changed: number;
  readonly data_blobs: number;
  readonly tree_blobs: number;
  readonly data_added: number;
}

const NOTHING = {
  files_new: 0,
  files_changed: 0,
  dirs_new: 0,
  dirs_changed: 0,
  data_blobs: 0,
  tree_blobs: 0,
  data_added: 0,
};

/** A folder with a source and a repository, and both programs on it. */
class Bench {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'hostark-interop-'));
  readonly source: string = join(this.directory, 'source');
  readonly repository: string = join(this.directory, 'repo');

  constructor() {
    mkdirSync(this.source);
  }

  restic(...args: string[]): string {
    return execFileSync('restic', ['--repo', this.repository, '--no-cache', ...args], {
      cwd: this.source,
      env: { PATH: process.env.PATH, RESTIC_PASSWORD: password, TMPDIR: this.directory, ...zone },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** restic's backup of the whole source, by relative name so that the folders above do not matter. */
  resticBackup(...args: string[]): Summary {
    const lines = this.restic('backup', '.', '--host', host, '--json', ...args)
      .trimEnd()
      .split('\n');
    return JSON.parse(lines[lines.length - 1]!);
  }

  async ours(options: Partial<Parameters<typeof backup>[1]> = {}): ReturnType<typeof backup> {
    const repository = await openRepository(localBackend(this.repository), { password, platform });
    try {
      return await backup(repository, { targets: ['.'], workingDirectory: this.source, host, workers: 2, ...options });
    } finally {
      await repository.backend.close();
    }
  }

  async init(version: FormatVersion): Promise<void> {
    const repository = await initRepository(localBackend(this.repository), { password, platform, version });
    await repository.backend.close();
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

describe.skipIf(!hasRestic).each([
  { version: 1, compression: 'auto' },
  { version: 2, compression: 'auto' },
  { version: 2, compression: 'off' },
  { version: 2, compression: 'max' },
] as const)(
  'our backup into a repository of version $version (compression $compression)',
  ({ version, compression }) => {
    const bench = new Bench();

    beforeAll(async () => {
      makeStrangeTree(bench.source);
      await bench.init(version);
      const result = await bench.ours({ compression });
      expect(result.errors).toEqual([]);
    });

    afterAll(() => bench.remove());

    test('passes check --read-data without a remark', () => {
      const output = bench.restic('check', '--read-data');
      expect(output).toContain('no errors were found');
      expect(output).not.toMatch(/warning|hint|repair|mixed/i);
    });

    test('is restored by restic to the same files and metadata', () => {
      const target = join(bench.directory, 'restored');
      const output = bench.restic('restore', 'latest', '--verify', '--target', target, '--json');
      expect(output).not.toContain('"message_type":"error"');
      const list = (folder: string) =>
        execFileSync('find', ['.', '-mindepth', '1', '-printf', '%P\\0%y %m %U %G %s %l %T@\\0'], { cwd: folder })
          .toString('latin1')
          .split('\0')
          // Sizes of directories are the file system's business.
          .map((field) => field.replace(/^(d \d+ \d+ \d+) \d+/, '$1'))
          .join('\n');
      const sorted = (folder: string) => list(folder).split('\n').sort().join('\n');
      expect(sorted(target)).toBe(sorted(bench.source));
      execFileSync('diff', ['-r', '--no-dereference', '-x', 'fifo', bench.source, target]);
      rmSync(target, { recursive: true });
    });

    test('is what restic itself would have saved: its own backup finds nothing new and adds nothing', () => {
      expect(bench.resticBackup()).toMatchObject(NOTHING);
      expect(bench.resticBackup('--force')).toMatchObject({ data_blobs: 0, tree_blobs: 0, data_added: 0 });
    });

    test('holds canonical trees: rewrite finds nothing to do', () => {
      const output = bench.restic('rewrite', '--dry-run', '--exclude', 'matches-nothing-at-all');
      expect(output).toContain('no snapshots would be modified');
    });
  },
);

describe.skipIf(!hasRestic).each([1, 2] as const)('our backup on top of one by restic, version %d', (version) => {
  const bench = new Bench();

  beforeAll(() => {
    makeStrangeTree(bench.source);
    bench.restic('init', '--repository-version', String(version));
  });

  afterAll(() => bench.remove());

  test('finds every file and folder unmodified and adds nothing', async () => {
    const theirs = bench.resticBackup();
    const ours = await bench.ours();
    expect(ours.parent).not.toBeNull();
    expect(ours.summary).toMatchObject({
      filesNew: 0,
      filesChanged: 0,
      filesUnmodified: theirs.files_new,
      dirsNew: 0,
      dirsChanged: 0,
      dataBlobs: 0,
      treeBlobs: 0,
      dataAdded: 0,
      dataAddedPacked: 0,
    });
  });

  test('counts as restic counts, read again without a parent', async () => {
    const ours = await bench.ours({ force: true, dryRun: true });
    const theirs = bench.resticBackup('--force', '--dry-run');
    expect([ours.summary.filesNew, ours.summary.dirsNew]).toEqual([theirs.files_new, theirs.dirs_new]);
    expect([ours.summary.dataBlobs, ours.summary.treeBlobs]).toEqual([0, 0]);
    expect([theirs.data_blobs, theirs.tree_blobs]).toEqual([0, 0]);
  });
});

describe.skipIf(!hasRestic)('targets and excludes', () => {
  const bench = new Bench();

  beforeAll(async () => {
    for (const folder of ['a/b', 'a/c', 'd/cache/x']) mkdirSync(join(bench.source, folder), { recursive: true });
    for (const file of ['a/b/f', 'a/c/g.tmp', 'a/top', 'd/cache/x/y', 'd/keep']) {
      writeFileSync(join(bench.source, file), file);
    }
    await bench.init(2);
  });

  afterAll(() => bench.remove());

  test.each<[string, string[], string[]]>([
    ['nested', ['a', 'a/b'], []],
    ['nested, excluded by name but named', ['a', 'a/b'], ['b']],
    ['from different places with one name', ['a', '../source/a', 'd/../a'], []],
    ['bare', ['.'], ['a']],
    ['files', ['a/b/f', 'd/keep'], ['f']],
    ['with patterns', ['.'], ['*.tmp', 'cache/x']],
    ['with a pattern taken back', ['d'], ['cache/*', '!cache/x']],
  ])('%s give the tree that restic makes', async (_, targets, exclude) => {
    const ours = await bench.ours({ targets, excludes: compileSelector({ exclude }) });
    const flags = exclude.flatMap((pattern) => ['--exclude', pattern]);
    bench.restic('backup', ...targets, '--host', host, '--force', ...flags);
    const [latest] = JSON.parse(bench.restic('snapshots', 'latest', '--host', host, '--json')).slice(-1);
    expect(latest.tree).toBe(ours.tree);
  });
});
