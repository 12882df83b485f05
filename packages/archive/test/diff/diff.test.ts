/** Differences are those that stock restic printed, and those that comparing everything gives. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobId } from '@hostark/repository';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DiffOptions, type DiffResult, diffTrees } from '../../src/diff/diff.ts';
import { changeJson, changeLine, diffStatistics } from '../../src/diff/format.ts';
import { slowDiff } from '../reference/slow-diff.ts';
import { FIXTURES, fixtureDirectory, fixtureSnapshots, openFixture } from '../support/fixture-repository.ts';
import { model, store } from '../support/random-tree.ts';
import { node, TestRepository } from '../support/test-repository.ts';

describe.each(FIXTURES)('%s', (name) => {
  test('the first two snapshots differ as restic says', async () => {
    const repository = await openFixture(name);
    const [a, b] = await fixtureSnapshots(repository);
    const lines: string[] = [];
    const result = await diffTrees(repository, a!.tree, b!.tree, (change) => lines.push(changeJson(change)));
    lines.push(JSON.stringify(diffStatistics(a!.id, b!.id, result)));
    const expected = readFileSync(join(fixtureDirectory(name), '..', 'diff-0-1.ndjson'), 'utf8');
    expect(lines).toEqual(expected.trimEnd().split('\n'));
  });
});

async function compared(
  made: TestRepository,
  a: BlobId,
  b: BlobId,
  options: DiffOptions = {},
): Promise<{ changes: string[]; result: DiffResult }> {
  const changes: string[] = [];
  const tell = (change: Parameters<Parameters<typeof diffTrees>[3]>[0]): void => {
    changes.push(`${change.modifier} ${Buffer.from(change.path).toString()}`);
  };
  return { result: await diffTrees(made.repository, a, b, tell, options), changes };
}

test('random trees differ as comparing everything says', async () => {
  await fc.assert(
    fc.asyncProperty(model, model, model, fc.boolean(), async (common, left, right, metadata) => {
      const made = await TestRepository.create();
      // A folder that both share holds blobs that one of them may also use elsewhere.
      const [a, b] = [store(made, { ...left, common }), store(made, { ...right, common })];
      await made.closePacks();
      const { changes, result } = await compared(made, a, b, { metadata });
      const expected = await slowDiff(made.repository, a, b, metadata);
      expect([...changes].sort()).toEqual(expected.changes);
      const turned = changes.some((change) => change.startsWith('T'));
      // Restic counts no blobs below what changed its type; the reference does.
      if (!turned) expect(result).toMatchObject({ added: expected.added, removed: expected.removed });
      const count = (sign: string): number => changes.filter((change) => change.startsWith(`${sign} `)).length;
      const { added, removed } = result;
      expect(added.files + added.dirs + added.others).toBe(count('+'));
      expect(removed.files + removed.dirs + removed.others).toBe(count('-'));
      expect(result.changedFiles).toBe(changes.filter((change) => change.startsWith('M')).length);
      expect(result.treesUnread).toBe(0);
    }),
    { seed: 32, numRuns: 100 },
  );
});

async function pair(before: Parameters<TestRepository['tree']>[0], after: typeof before, options?: DiffOptions) {
  const made = await TestRepository.create();
  const [a, b] = [made.tree(before), made.tree(after)];
  await made.closePacks();
  return compared(made, a, b, options);
}

test('other content under the same attributes is pointed out: bits may have rotted', async () => {
  const made = await TestRepository.create();
  const file = made.file('f', [Buffer.from('a')]);
  const rotten = made.file('f', [Buffer.from('b')]);
  const [a, b] = [made.tree([file]), made.tree([rotten])];
  await made.closePacks();
  expect((await compared(made, a, b)).changes).toEqual(['M? /f']);
});

test.each([
  ['mode', { mode: 0o600 }],
  ['uid', { uid: 4242 }],
  ['user', { user: 'else' }],
  ['mtime', { mtime: { ns: 1n, offsetMinutes: 0 } }],
  ['ctime', { ctime: { ns: 1n, offsetMinutes: 0 } }],
  ['inode', { inode: 7n }],
  ['links', { links: 2n }],
  ['an attribute', { xattrs: [{ name: 'user.a', value: Buffer.from('1') }] }],
])('other %s is told with metadata alone', async (_, fields) => {
  const before = [node('f', 'file', { mode: 0o644 })];
  const after = [node('f', 'file', { mode: 0o644, ...fields })];
  expect((await pair(before, after)).changes).toEqual([]);
  expect((await pair(before, after, { metadata: true })).changes).toEqual(['U /f']);
});

test('the zone of a time and the order of attributes are no difference', async () => {
  const [one, two] = ['user.a', 'user.b'].map((name) => ({ name, value: Buffer.from('1') }));
  const before = [node('f', 'file', { mtime: { ns: 5n, offsetMinutes: 60 }, xattrs: [one!, two!] })];
  const after = [node('f', 'file', { mtime: { ns: 5n, offsetMinutes: 0 }, xattrs: [two!, one!] })];
  expect((await pair(before, after, { metadata: true })).changes).toEqual([]);
});

test('a tree that cannot be read is told, and the rest is compared', async () => {
  const made = await TestRepository.create();
  const lost = made.dir('lost', [made.file('x', [])]);
  await made.closePacks();
  const [pack] = made.packs;
  const [a, b] = [
    made.tree([lost, made.file('f', [Buffer.from('1')])]),
    made.tree([made.dir('lost', [made.file('y', [])]), made.file('f', [Buffer.from('22')])]),
  ];
  await made.closePacks();
  await made.repository.backend.remove({ type: 'data', name: pack! });
  const unread: (string | null)[] = [];
  const onUnread = (path: Uint8Array | null): number => unread.push(path && Buffer.from(path).toString());
  const { changes, result } = await compared(made, a, b, { onUnread });
  expect([unread, changes, result.treesUnread]).toEqual([['/lost'], ['M /f'], 1]);
  await expect(compared(made, lost.subtree!, b)).rejects.toMatchObject({ code: 'object-missing' });
});

test('a blob that no index lists is counted, and said to be unlisted', async () => {
  const unknown = 'a'.repeat(64) as BlobId;
  const { result } = await pair([], [node('f', 'file', { size: 3n, content: [unknown] })]);
  expect(result.unlistedBlobs).toEqual([`data ${unknown}`]);
  expect(result.added.dataBlobs).toBe(1);
});

test('lines end directories with a slash and keep the bytes of names', async () => {
  const name = Uint8Array.of(0x62, 0xff);
  const made = await TestRepository.create();
  const [a, b] = [made.tree([made.file('t', [])]), made.tree([made.dir(name, []), made.dir('t', [])])];
  await made.closePacks();
  const lines: string[] = [];
  await diffTrees(made.repository, a, b, (change) => lines.push(Buffer.from(changeLine(change)).toString('latin1')));
  expect(lines).toEqual(['+    /b\xff/', 'T    /t/']);
});
