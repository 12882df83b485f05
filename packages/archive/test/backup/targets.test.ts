import { describe, expect, test } from 'vitest';
import { planTargets, type TargetNode } from '../../src/walk/targets.ts';

const FOLDERS: Record<string, readonly string[]> = {
  '.': ['work', 'other'],
  '..': ['up'],
  work: ['a', 'b', 'c'],
  '/srv': ['www', 'mail'],
  '/': ['srv', 'etc'],
};

/** Leaves as `snapshot path <- path`, `*` for those that excludes apply to; intermediate directories as `path/ <- path`. */
function shape(targets: readonly string[]): string[] {
  const lines: string[] = [];
  const visit = (node: TargetNode, path: string): void => {
    if (node.children === null) {
      lines.push(`${path} <- ${node.path}${node.explicit ? '' : ' *'}`);
      return;
    }
    if (node.metadataPath !== null) lines.push(`${path}/ <- ${node.metadataPath}`);
    for (const [name, child] of node.children) visit(child, `${path}/${name}`);
  };
  const list = (folder: Uint8Array) => {
    const names = FOLDERS[Buffer.from(folder).toString()];
    if (names === undefined) throw new Error(`no folder ${Buffer.from(folder)}`);
    return names.map((name) => Buffer.from(name));
  };
  visit(
    planTargets(
      targets.map((target) => Buffer.from(target)),
      list,
    ),
    '',
  );
  return lines;
}

describe('the top of a snapshot', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['absolute targets keep their path', ['/srv/www'], ['/srv/ <- /srv', '/srv/www <- /srv/www']],
    ['relative targets keep theirs', ['work/a'], ['/work/ <- work', '/work/a <- work/a']],
    ['targets are cleaned', ['./work//a/../b/'], ['/work/ <- work', '/work/b <- work/b']],
    ['`..` is dropped from the snapshot, not from the source', ['../x/y'], ['/x/ <- ../x', '/x/y <- ../x/y']],
    ['a bare `.` stands for its entries', ['.'], ['/other <- other *', '/work <- work *']],
    ['a bare `..` does too', ['..'], ['/up <- ../up *']],
    ['so does the root', ['/'], ['/etc <- /etc *', '/srv <- /srv *']],
    ['the same target twice counts once', ['work/a', './work/a'], ['/work/ <- work', '/work/a <- work/a']],
    [
      'siblings share their directory',
      ['work/b', 'work/a'],
      ['/work/ <- work', '/work/a <- work/a', '/work/b <- work/b'],
    ],
    [
      'a target below another merges: the directory is listed, the named one stays explicit',
      ['work', 'work/b'],
      ['/work/ <- work', '/work/a <- work/a *', '/work/b <- work/b', '/work/c <- work/c *'],
    ],
    [
      'in either order',
      ['work/b', 'work'],
      ['/work/ <- work', '/work/a <- work/a *', '/work/b <- work/b', '/work/c <- work/c *'],
    ],
    [
      'equal names from different places are numbered',
      ['work', '/work', '../work'],
      ['/work <- work', '/work-1 <- /work', '/work-2 <- ../work'],
    ],
    ['a number that is taken is passed over', ['x', 'x-1', '/x'], ['/x <- x', '/x-1 <- x-1', '/x-2 <- /x']],
  ])('%s', (_, targets, expected) => {
    expect(shape(targets)).toEqual(expected);
  });

  test('names are in byte order, not in that of UTF-16', () => {
    expect(shape(['/\u{1f600}', '/\uff61']).map((line) => line.split(' ')[0])).toEqual(['/\uff61', '/\u{1f600}']);
  });
});
