/**
 * `find` and `diff` beside stock restic on the same repositories, line by line, with each other's history. Needs `restic`
 * on PATH; not part of `npm test`.
 */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ended, hostark, makeWorkspace, start, describe as tell } from '../support/hostark.ts';
import { noise } from '../support/kill-backups.ts';
import { withoutRestic } from '../support/oracles.ts';
import { makeRepository, PASSWORD } from '../support/repository.ts';

/** The last two lines of a diff are sizes, which we round as everywhere else here. */
const withoutSizes = (text: string): string => text.replace(/^ {2}(Added|Removed): .*$/gm, '');

/** A few of many. */
const some = <T>(all: readonly T[]): T[] => all.filter((_, i) => i % Math.ceil(all.length / 8) === 0);

describe.skipIf(withoutRestic).each([1, 2] as const)('a repository of version %i', (version) => {
  const workspace = makeWorkspace('find-diff');
  const env = { ...workspace.env, RESTIC_PASSWORD: PASSWORD, RESTIC_REPOSITORY: workspace.path('repo') };
  const options = { cwd: workspace.root, env };
  const restic = (args: readonly string[]): Promise<Ended> => start('restic', ['--no-cache', ...args], options).ended;
  const ok = async (run: Promise<Ended>): Promise<string> => {
    const ended = await run;
    if (ended.code !== 0) throw new Error(tell(ended));
    return ended.stdout;
  };
  /** Both print the same; returns it. */
  const same = async (...args: string[]): Promise<string> => {
    const [ours, theirs] = [await ok(hostark(args, options)), await ok(restic(args))];
    expect(withoutSizes(ours)).toBe(withoutSizes(theirs));
    return ours;
  };
  let ids: string[] = [];

  beforeAll(async () => {
    await makeRepository(workspace.path('repo'), { version });
    const at = (path: string): string => workspace.path('src', path);
    mkdirSync(at('a/b/deep/deeper'), { recursive: true });
    mkdirSync(at('odd "x" <y>'));
    for (const [path, text] of [
      ['a/one.txt', '1'],
      ['a/b/two.TXT', '2'],
      ['a/b/deep/deeper/one.txt', 'deep'],
      ['a/b/new\nline', 'x'],
      ['same-1', 'same'],
      ['same-2', 'same'],
      ['tofile/inside', 'z'],
      ['Ünïcode', 'u'],
    ] as const) {
      if (path.startsWith('tofile')) mkdirSync(at('tofile'));
      writeFileSync(at(path), text);
    }
    writeFileSync(Buffer.concat([Buffer.from(at('bad-')), Buffer.of(0xff)]), 'bad');
    writeFileSync(at('large'), noise('large', 3_000_000));
    symlinkSync('one.txt', at('a/link'));
    symlinkSync(Buffer.from([0x74, 0xff]), at('badlink'));
    await ok(restic(['backup', 'src', '--host', 'first', '--tag', 'x']));
    writeFileSync(at('a/one.txt'), 'changed');
    chmodSync(at('a/b/two.TXT'), 0o600);
    rmSync(at('a/link'));
    mkdirSync(at('a/link'));
    rmSync(at('tofile'), { recursive: true });
    writeFileSync(at('tofile'), 'now a file');
    rmSync(at('same-1'));
    mkdirSync(at('added/below'), { recursive: true });
    writeFileSync(at('added/below/same-3'), 'same');
    await ok(hostark(['backup', 'src', '--host', 'second'], options));
    writeFileSync(at('large'), noise('other', 3_000_000));
    await ok(restic(['backup', 'src/a', 'src/large', '--host', 'second', '--tag', 'x,y']));
    const listed = JSON.parse(await ok(restic(['snapshots', '--json']))) as { id: string }[];
    ids = listed.map(({ id }) => id);
  });
  afterAll(() => workspace.remove());

  test('is searched alike by every kind of pattern and flag', async () => {
    for (const args of [
      ['one.txt'],
      ['-i', 'two.*', 'ÜNÏ*'],
      ['-l', 'a'],
      ['a/b'],
      ['/src/*/*.txt'],
      ['/src/**/one.txt'],
      ['/*/b'],
      ['[a-s]*[.k]??*'],
      [''],
      ['*', '--reverse'],
      ['-q', 'one.txt'],
      ['bad*', '--json'],
      ['*', '--json'],
      ['nothing', '--json'],
      ['nothing'],
      ['one.txt', '--host', 'first'],
      ['one.txt', '--tag', 'x', '--reverse'],
      ['one.txt', '--path', workspace.path('src')],
      ['one.txt', '-s', 'latest', '--host', 'first'],
      ['one.txt', '-s', ids[0]!.slice(0, 8), '-s', ids[0]!, '-s', ids[1]!],
      ['one.txt', '--oldest', '2001-01-01', '--newest', '2100-01-01 10:00'],
      ['one.txt', '--newest', '2001-01-01'],
      ['one.txt', '--oldest', '01.01.2100 00:00:00'],
    ])
      await same('find', ...args);
    expect(await same('find', 'one.txt')).toContain('/src/a/one.txt');
  });

  test('is searched alike for blobs, trees and packs', async () => {
    const blobs = (await ok(restic(['list', 'blobs']))).trim().split('\n');
    for (const line of some(blobs)) {
      const [kind, id] = line.split(' ') as [string, string];
      const flag = kind === 'data' ? '--blob' : '--tree';
      // Restic ends its search of a snapshot with the first use of a tree: empty folders have several.
      const uses = JSON.parse(await ok(hostark(['find', flag, id, '--json'], options))) as { snapshot: string }[];
      const isUnique = new Set(uses.map(({ snapshot }) => snapshot)).size === uses.length;
      if (kind === 'tree' && !isUnique) continue;
      await same('find', flag, id.slice(0, 8), '--json');
      await same('find', flag, id, '--show-pack-id');
    }
    for (const pack of (await ok(restic(['list', 'packs']))).trim().split('\n')) {
      const holdsTrees = (await ok(hostark(['find', '--pack', pack], options))).includes('Found tree');
      if (!holdsTrees) await same('find', '--pack', pack.slice(0, 8), '--json');
    }
  });

  test('is compared alike, whole and by folders, both ways', async () => {
    for (const [a, b] of [
      [0, 1],
      [1, 0],
      [1, 2],
      [2, 0],
      [1, 1],
    ] as const) {
      for (const flags of [[], ['--json', '--metadata'], ['--quiet']])
        await same('diff', ...flags, ids[a]!, ids[b]!.slice(0, 12));
    }
    for (const folder of ['src/a', '/src/a/b/'])
      await same('diff', '--json', `${ids[0]}:${folder}`, `${ids[1]}:${folder}`);
    await same('diff', `${ids[0]}:src/a/b`, `${ids[1]}:src/added`);
  });

  test('ends with the same codes when something is not there', async () => {
    for (const args of [
      ['find', '--pack', '0123456789abcdef'],
      ['diff', ids[0]!, 'ffffffff'],
      ['diff', `${ids[0]}:absent`, ids[1]!],
      ['find', 'x', '-r', workspace.path('absent')],
    ])
      expect([args, (await hostark(args, options)).code]).toEqual([args, (await restic(args)).code]);
  });
});
