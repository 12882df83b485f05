/** Searches find what walking every snapshot would find, and read each tree once. */
import { isHostarkError } from '@hostark/protocol';
import type { BlobId, StoredSnapshot } from '@hostark/repository';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FindResult, findEntries, type UnreadTree } from '../../src/find/find.ts';
import { FindPatterns } from '../../src/find/patterns.ts';
import { SharedSearch } from '../../src/find/shared-search.ts';
import { slowFind } from '../reference/slow-find.ts';
import { model, snapshotOf, store } from '../support/random-tree.ts';
import { MTIME_NS, SECOND, TestRepository } from '../support/test-repository.ts';

const pattern = fc.constantFrom(
  'a',
  'b',
  '*b',
  'c.txt',
  'a/b',
  '/a',
  '/a/*',
  '/**/b',
  '/a/**/c.txt',
  '*.txt',
  '/*/ab/a',
);

async function found(
  made: TestRepository,
  snapshots: readonly StoredSnapshot[],
  patterns: FindPatterns,
  times: { oldest?: bigint; newest?: bigint } = {},
): Promise<{ lines: string[]; result: FindResult; unread: UnreadTree[] }> {
  const lines: string[] = [];
  const unread: UnreadTree[] = [];
  const instant = (ns: bigint | undefined) => (ns === undefined ? undefined : { ns, offsetMinutes: 0 });
  const query = { patterns, oldest: instant(times.oldest), newest: instant(times.newest) };
  const result = await findEntries(
    made.repository,
    snapshots,
    query,
    ({ snapshot, path, node }) => {
      expect(
        Buffer.from(path)
          .toString()
          .endsWith(`/${Buffer.from(node.name).toString()}`),
      ).toBe(true);
      lines.push(`${snapshot.id} ${Buffer.from(path).toString()}`);
    },
    { onUnread: (tree) => unread.push(tree) },
  );
  return { lines, result, unread };
}

test('what is found is what walking and matching everything finds, in the same order', async () => {
  const times = fc.record({ oldest: fc.nat(3), newest: fc.nat(3) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(model, { minLength: 1, maxLength: 4 }),
      fc.array(pattern, { minLength: 1, maxLength: 3 }),
      fc.option(times, { nil: null }),
      async (models, patterns, ages) => {
        const made = await TestRepository.create();
        const snapshots = models.map((each, i) => snapshotOf(store(made, each), i));
        await made.closePacks();
        const bounds =
          ages === null
            ? {}
            : { oldest: MTIME_NS - BigInt(ages.oldest) * SECOND, newest: MTIME_NS - BigInt(ages.newest) * SECOND };
        const { lines, result } = await found(made, snapshots, new FindPatterns(patterns), bounds);
        expect(lines).toEqual(await slowFind(made.repository, snapshots, patterns, bounds));
        expect(result.hits).toBe(lines.length);
        expect(result.treesRead).toBeLessThanOrEqual(new Set(treesOf(made)).size * (patterns.length + 3));
      },
    ),
    { seed: 31, numRuns: 60 },
  );
});

function treesOf(made: TestRepository): string[] {
  const trees: string[] = [];
  made.repository.blobs.forEach((kind, id) => {
    if (kind === 'tree') trees.push(Buffer.from(id).toString('hex'));
  });
  return trees;
}

describe('many snapshots that share most trees', () => {
  async function shared(): Promise<{ made: TestRepository; snapshots: StoredSnapshot[] }> {
    const made = await TestRepository.create();
    const text = Buffer.from('x');
    const snapshots = Array.from({ length: 10 }, (_, i) =>
      snapshotOf(
        made.tree([
          made.dir('etc', [made.file('hosts', [text]), made.dir('empty', [])]),
          made.dir('srv', [made.dir('www', [made.file('page', [text])])]),
          made.file(`log-${i}`, [text]),
        ]),
        i,
      ),
    );
    await made.closePacks();
    return { made, snapshots };
  }

  test('cost one reading of each tree, whether something is found in it or not', async () => {
    const { made, snapshots } = await shared();
    const { lines, result } = await found(made, snapshots, new FindPatterns(['hosts']));
    expect(lines).toEqual(snapshots.map(({ id }) => `${id} /etc/hosts`));
    expect(result).toEqual({ hits: 10, treesRead: 10 + 4, treesUnread: 0 });
  });

  test('are found whole when nothing may be kept, at the price of reading again', async () => {
    const { made, snapshots } = await shared();
    const patterns = new FindPatterns(['**']);
    for (const maxKept of [0, 1, 3, 1000]) {
      const searcher = {
        look: () => true,
        below: (node: { name: Uint8Array }, scope: number) => patterns.below(scope, node.name),
      };
      const search = new SharedSearch<boolean>(made.repository, searcher, { onError: () => expect.fail() }, maxKept);
      const lines: string[] = [];
      for (const { id, tree } of snapshots)
        await search.run(tree, 0, (path) => lines.push(`${id} ${Buffer.from(path).toString()}`));
      expect(lines).toEqual((await found(made, snapshots, patterns)).lines);
      if (maxKept === 1000) expect(search.trees).toBe(14);
      if (maxKept === 0) expect(search.trees).toBeGreaterThan(14);
    }
  });

  test('an absolute pattern enters only the folders on its way', async () => {
    const { made, snapshots } = await shared();
    const { lines, result } = await found(made, snapshots, new FindPatterns(['/srv/www/*']));
    expect(lines).toHaveLength(10);
    expect(result.treesRead).toBe(10 + 2);
  });
});

test('a tree that cannot be read is told once, and the rest is found', async () => {
  const made = await TestRepository.create();
  const text = Buffer.from('x');
  const lost = made.tree([made.file('wanted', [text])]);
  await made.closePacks();
  await made.repository.backend.remove({ type: 'data', name: made.packs.at(-1)! });
  const dir = made.dir('lost', [made.file('wanted', [text])]);
  expect(dir.subtree).toBe(lost);
  const snapshots = [1, 2].map((i) => snapshotOf(made.tree([dir, made.dir(`n${i}`, [made.file('wanted', [])])]), i));
  await made.closePacks();
  const { lines, result, unread } = await found(made, snapshots, new FindPatterns(['wanted']));
  expect(lines).toEqual(snapshots.map(({ id }, i) => `${id} /n${i + 1}/wanted`));
  expect(result.treesUnread).toBe(1);
  expect(unread).toHaveLength(1);
  expect(unread[0]).toMatchObject({ snapshot: snapshots[0], tree: lost });
  expect(Buffer.from(unread[0]!.path).toString()).toBe('/lost');
  expect(isHostarkError(unread[0]!.error, 'object-missing')).toBe(true);
});

test('an interrupted search stops', async () => {
  const made = await TestRepository.create();
  const tree = made.tree([made.dir('a', [])]);
  await made.closePacks();
  const query = { patterns: new FindPatterns(['*']) };
  const signal = AbortSignal.abort(new Error('stop'));
  await expect(findEntries(made.repository, [snapshotOf(tree, 1)], query, () => {}, { signal })).rejects.toThrow(
    'stop',
  );
});

describe('patterns', () => {
  async function names(patterns: readonly string[], ignoreCase = false): Promise<string[]> {
    const made = await TestRepository.create();
    const latin1 = Uint8Array.of(0x62, 0xff);
    const tree: BlobId = made.tree([
      made.dir('Dir', [made.file('One.TXT', []), made.file('É', [])]),
      made.file('one.txt', []),
      made.file(latin1, []),
      made.file('!odd', []),
    ]);
    await made.closePacks();
    const { lines } = await found(made, [snapshotOf(tree, 0)], new FindPatterns(patterns, ignoreCase));
    return lines.map((line) => line.slice(65));
  }

  test('match names, ends of paths and whole paths, and all that is below', async () => {
    expect(await names(['one.txt'])).toEqual(['/one.txt']);
    expect(await names(['Dir'])).toEqual(['/Dir', '/Dir/One.TXT', '/Dir/É']);
    expect(await names(['/one.*', 'r/É'])).toEqual(['/one.txt']);
    expect(await names(['Dir/É'])).toEqual(['/Dir/É']);
    expect(await names(['b?'])).toEqual(['/b\ufffd']);
    expect(await names(['\\!odd'])).toEqual(['/!odd']);
    expect(await names([''])).toHaveLength(6);
  });

  test('may ignore case, beyond ASCII as well', async () => {
    expect(await names(['ONE.txt'], true)).toEqual(['/Dir/One.TXT', '/one.txt']);
    expect(await names(['é'], true)).toEqual(['/Dir/É']);
  });

  test.each([['['], ['a/[b'], ['x\\'], ['!odd']])('%s is refused', (bad) => {
    expect(() => new FindPatterns(['fine', bad])).toThrow(
      expect.objectContaining({ code: 'bad-pattern', message: expect.stringContaining(JSON.stringify(bad)) }),
    );
  });
});
