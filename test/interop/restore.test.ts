/** Selection, restore and dump against stock restic: the same repository, the same options, the same files. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  createWriteStream,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  compareManifests,
  compileSelector,
  describeMismatch,
  dump,
  type ManifestEntry,
  type RestoreOptions,
  recordManifest,
  restore,
  type Scope,
} from '@hostark/archive';
import { nodePlatform, posix } from '@hostark/kernels';
import { localBackend, openRepository, type Repository } from '@hostark/repository';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const hasRestic = spawnSync('restic', ['version']).status === 0;
const base = mkdtempSync(join(tmpdir(), 'hostark-interop-restore-'));
const source = join(base, 'source');
const repo = join(base, 'repo');
const password = 'correct-horse';

function restic(...args: string[]): string {
  return execFileSync('restic', ['--repo', repo, '--cache-dir', join(base, 'cache'), ...args], {
    env: { PATH: process.env.PATH, RESTIC_PASSWORD: password, TMPDIR: base, TZ: 'UTC' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
}

async function open(): Promise<Repository> {
  const repository = await openRepository(localBackend(repo), { password, platform: nodePlatform() });
  await repository.loadIndex();
  return repository;
}

function plant(): void {
  const names = ['a', 'b.c', 'foo', 'foo.bar', 'FOO', 'x y', '[z]', 'ü', 'keep', '.hidden', 'a*b', 'back\\slash'];
  for (const top of ['home', 'etc', 'foo']) {
    for (const middle of ['u', 'foo', 'Bar']) {
      const folder = join(source, top, middle);
      mkdirSync(join(folder, 'deep', 'foo'), { recursive: true });
      for (const name of names) {
        if (name !== 'foo') writeFileSync(join(folder, name), `${top}/${middle}/${name}`);
        writeFileSync(join(folder, 'deep', 'foo', `${name}.log`), name);
      }
    }
  }
  const big = Buffer.alloc(3_000_000);
  for (let i = 0; i < big.length; i++) big[i] = (i * i) >>> 7;
  writeFileSync(join(source, 'big'), big);
  writeFileSync(join(source, 'hole'), big.subarray(0, 1_000_000));
  truncateSync(join(source, 'hole'), 9_000_000);
  linkSync(join(source, 'big'), join(source, 'home', 'big-too'));
  symlinkSync('../nowhere', join(source, 'home', 'link'));
  posix().mkfifo(Buffer.from(join(source, 'fifo')), 0o640);
  chmodSync(join(source, 'home', 'u', 'a'), 0o4751);
  chmodSync(join(source, 'etc', 'u'), 0o2750);
}

beforeAll(() => {
  if (!hasRestic) return;
  plant();
  restic('init');
  restic('backup', source, '--host', 'h');
});

afterAll(() => rmSync(base, { recursive: true, force: true }));

/** What a backup would save: as restic, the target itself is not asked about, its parents and everything below are. */
function selected(exclude: readonly string[], iexclude: readonly string[]): string[] {
  const selector = compileSelector({ exclude, iexclude });
  const paths: string[] = [];
  const walk = (path: string, scope: Scope): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (scope.rejects(Buffer.from(entry.name))) continue;
      paths.push(join(path, entry.name));
      if (entry.isDirectory()) walk(join(path, entry.name), scope.below(Buffer.from(entry.name)));
    }
  };
  walk(source, selector.scope(source));
  return paths.sort();
}

const PATTERNS: readonly (readonly string[])[] = [
  ['foo'],
  ['foo/bar', 'foo/u'],
  ['/foo'],
  [`${source}/foo`],
  [`${source}/*/foo`],
  [`${source}/**/deep`],
  ['**/foo/deep/**'],
  ['*.log', '!keep.log'],
  ['*', '!home', '!*.c'],
  ['deep/*', '!deep/foo'],
  ['f?o*', '[^k]eep'],
  ['[a-c]', '\\[z\\]', 'x\\ y'],
  ['a\\*b', 'back\\\\slash'],
  ['.*'],
  ['?'],
  ['home//u/./', 'etc/../etc/Bar'],
  ['!foo', 'foo', '!foo/deep'],
  ['/**/u/**/*.log'],
  ['**'],
];
const INSENSITIVE: readonly (readonly string[])[] = [['FOO'], ['Ü', 'bAR/*'], ['*.LOG', '!KEEP.log']];

describe.skipIf(!hasRestic)('exclude patterns', () => {
  for (const [option, corpus] of [
    ['exclude', PATTERNS],
    ['iexclude', INSENSITIVE],
  ] as const) {
    test.each(corpus.map((patterns) => [patterns.join(' '), patterns]))(`--${option} %s`, (_, patterns) => {
      const args = (patterns as readonly string[]).flatMap((pattern) => [`--${option}`, pattern]);
      restic('backup', source, '--host', `filter`, '--force', '--quiet', ...args);
      const lines = restic('ls', 'latest', '--host', 'filter', '--json').trimEnd().split('\n').slice(1);
      const saved = lines.map((line) => (JSON.parse(line) as { path: string }).path);
      const below = saved.filter((path) => path.startsWith(`${source}/`)).sort();
      const ours =
        option === 'exclude'
          ? selected(patterns as readonly string[], [])
          : selected([], patterns as readonly string[]);
      expect(ours).toEqual(below);
    });
  }
});

async function record(root: string): Promise<ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  for await (const entry of recordManifest(root)) if (entry.path !== '') entries.push(entry);
  return entries;
}

/** A target that has some of it already: right, wrong, older, of another type, and surplus. */
function prepare(target: string): void {
  const at = join(target, source);
  mkdirSync(join(at, 'home', 'u'), { recursive: true });
  mkdirSync(join(at, 'etc', 'surplus'), { recursive: true });
  writeFileSync(join(at, 'etc', 'surplus', 'f'), 'x');
  writeFileSync(join(at, 'big'), Buffer.alloc(2_000_000, 7));
  writeFileSync(join(at, 'home', 'u', 'a'), 'home/u/a');
  writeFileSync(join(at, 'home', 'u', 'b.c'), 'mine');
  symlinkSync('elsewhere', join(at, 'home', 'u', 'FOO'));
  execFileSync('find', [target, '-exec', 'touch', '-h', '-d', '2020-02-02T02:02:02Z', '{}', '+']);
  posix().setTimes(Buffer.from(join(at, 'home', 'u', 'b.c')), 1_000_000_000n, 4_000_000_000_000_000_000n);
}

interface Case {
  readonly what: string;
  readonly args: readonly string[];
  readonly options: RestoreOptions;
  readonly prepared?: boolean;
}

const CASES: readonly Case[] = [
  { what: 'everything', args: [], options: {} },
  { what: 'everything on threads', args: [], options: { workers: 2 } },
  { what: 'sparse', args: ['--sparse'], options: { sparse: true } },
  {
    what: 'include',
    args: ['--include', '**/u/*.log', '--include', 'big'],
    options: { include: ['**/u/*.log', 'big'] },
  },
  {
    what: 'anchored include',
    args: ['--include', `${source}/etc`, '--include', '/nowhere/**/x'],
    options: { include: [`${source}/etc`, '/nowhere/**/x'] },
  },
  { what: 'iinclude', args: ['--iinclude', 'BAR'], options: { iinclude: ['BAR'] } },
  { what: 'exclude', args: ['--exclude', 'foo', '--exclude', '*.log'], options: { exclude: ['foo', '*.log'] } },
  ...(['always', 'if-changed', 'if-newer', 'never'] as const).map((overwrite) => ({
    what: `overwrite ${overwrite}`,
    args: ['--overwrite', overwrite],
    options: { overwrite },
    prepared: true,
  })),
  { what: 'delete', args: ['--delete'], options: { delete: true }, prepared: true },
  {
    what: 'delete with include',
    args: ['--delete', '--include', `${source}/etc`],
    options: { delete: true, include: [`${source}/etc`] },
    prepared: true,
  },
];

describe.skipIf(!hasRestic)('restore', () => {
  test.each(CASES)('$what gives what restic gives', async ({ what, args, options, prepared }) => {
    const [theirs, ours] = [join(base, `theirs ${what}`), join(base, `ours ${what}`)];
    if (prepared === true) for (const target of [theirs, ours]) prepare(target);
    restic('restore', 'latest', '--host', 'h', '--target', theirs, ...args);
    const repository = await open();
    const { tree } = await repository.snapshots().resolve('latest', { hosts: ['h'] });
    const result = await restore(repository, tree, ours, { workers: 0, verify: true, ...options });
    expect(result.errors).toEqual([]);
    const differences = compareManifests(await record(theirs), await record(ours)).map(describeMismatch);
    expect(differences.filter((line) => !isBetter(options, line))).toEqual([]);
  });
});

/**
 * With `never`, restic makes the second name a link to whatever is at the first and sets the snapshot's metadata there. We
 * leave the first alone and give the second the content it had.
 */
function isBetter({ overwrite }: RestoreOptions, line: string): boolean {
  return overwrite === 'never' && /\/source\/(big|home\/big-too): /.test(line);
}

describe.skipIf(!hasRestic)('dump', () => {
  test('a folder as tar unpacks to what restic dumps', async () => {
    const [theirs, ours] = [join(base, 'tar-theirs'), join(base, 'tar-ours')];
    restic('dump', 'latest', '--host', 'h', source, '--target', `${theirs}.tar`);
    const repository = await open();
    const { tree } = await repository.snapshots().resolve('latest', { hosts: ['h'] });
    const out = createWriteStream(`${ours}.tar`);
    await dump(repository, tree, source, (bytes) => {
      return new Promise((resolve) => out.write(bytes, () => resolve()));
    });
    await new Promise<void>((resolve) => out.end(resolve));
    for (const target of [theirs, ours]) {
      mkdirSync(target);
      execFileSync('tar', ['-xpf', `${target}.tar`, '-C', target], { stdio: 'pipe' });
    }
    // restic dumps the second name of a file as a file of its own, and a fifo as an empty file; ours keeps what they are.
    const comparable = (entries: ManifestEntry[]): ManifestEntry[] =>
      entries
        .filter(({ path }) => Buffer.from(path, 'base64').toString() !== 'fifo')
        .map(({ hardLinkOf: _, ...rest }) => ({ ...rest, mtimeNs: 'restic rounds to seconds' }));
    const expected = comparable(await record(join(theirs, source)));
    const found = comparable(await record(join(ours, source)));
    expect(found.length).toBeGreaterThan(200);
    expect(compareManifests(expected, found).map(describeMismatch)).toEqual([]);
  });

  test('a file is the same bytes', async () => {
    const repository = await open();
    const { tree } = await repository.snapshots().resolve('latest', { hosts: ['h'] });
    const chunks: Uint8Array[] = [];
    await dump(repository, tree, join(source, 'etc', 'u', 'ü'), (bytes) => void chunks.push(bytes));
    expect(Buffer.concat(chunks).toString()).toBe(
      restic('dump', 'latest', '--host', 'h', join(source, 'etc', 'u', 'ü')),
    );
  });
});
