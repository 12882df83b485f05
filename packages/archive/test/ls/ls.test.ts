/** Listings are those that stock restic printed, line for line. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { utcZone } from '@hostark/repository';
import { describe, expect, test } from 'vitest';
import { nodeJson, nodeLong } from '../../src/ls/format.ts';
import { listTree } from '../../src/ls/list.ts';
import { modeText } from '../../src/ls/mode-text.ts';
import { FIXTURES, fixtureDirectory, fixtureSnapshots, openFixture } from '../support/fixture-repository.ts';
import { MTIME_NS, node, symlink, TestRepository } from '../support/test-repository.ts';

describe.each(FIXTURES)('%s', (name) => {
  test('every snapshot is listed as restic lists it', async () => {
    const repository = await openFixture(name);
    for (const snapshot of await fixtureSnapshots(repository)) {
      const file = join(fixtureDirectory(name), '..', `ls-${snapshot.id.slice(0, 8)}.ndjson`);
      const expected = readFileSync(file, 'utf8').trimEnd().split('\n').slice(1);
      const lines: string[] = [];
      await listTree(repository, snapshot.tree, (path, each) => lines.push(nodeJson(path, each)));
      expect(lines).toEqual(expected);
    }
  });
});

async function listed(paths: readonly string[], recursive: boolean): Promise<string[]> {
  const made = await TestRepository.create();
  const tree = made.tree([
    made.dir('a', [made.dir('b', [made.file('x', [])]), made.file('y', [])]),
    made.dir('ab', [made.file('z', [])]),
  ]);
  await made.closePacks();
  const found: string[] = [];
  await listTree(made.repository, tree, (path) => found.push(Buffer.from(path).toString()), { paths, recursive });
  return found;
}

test('paths list what is at them and directly in them', async () => {
  expect(await listed(['/a'], false)).toEqual(['/a', '/a/b', '/a/y']);
  expect(await listed(['/a/b/'], false)).toEqual(['/a/b', '/a/b/x']);
  expect(await listed(['/nowhere'], false)).toEqual([]);
});

test('paths list everything below them when recursive', async () => {
  expect(await listed(['/a'], true)).toEqual(['/a', '/a/b', '/a/b/x', '/a/y']);
  expect(await listed(['/'], true)).toHaveLength(6);
});

test('long lines show mode, owner, size, time and target', () => {
  const file = node('f', 'file', { mode: 0o644 + 0x800000, uid: 0, gid: 12, size: 5n });
  expect(nodeLong(Buffer.from('/f'), file, { zone: utcZone })).toBe(
    'urw-r--r--     0    12      5 2020-09-13 12:26:40 /f',
  );
  const link = { ...symlink('l', 'there'), uid: 1000, gid: 1000 };
  expect(nodeLong(Buffer.from('/l'), link, { zone: () => 120 })).toBe(
    'Lrwxrwxrwx  1000  1000      0 2020-09-13 14:26:40 /l -> there',
  );
  expect(MTIME_NS).toBe(1_600_000_000_123_456_789n);
});

test.each([
  [0o644, '-rw-r--r--'],
  [2147484141, 'drwxr-xr-x'],
  [134218239, 'Lrwxrwxrwx'],
  [67109248, 'Drw-------'],
  [69206400, 'Dcrw-------'],
  [0x80000000 + 0x100000 + 0o777, 'dtrwxrwxrwx'],
  [0, '----------'],
])('mode %d reads %s', (mode, text) => {
  expect(modeText(mode)).toBe(text);
});
