/** Blobs, trees and packs are found by whole ids and by how they begin. */
import { type BlobId, idBytes } from '@hostark/repository';
import { expect, test } from 'vitest';
import { IdPrefixes, storedBlobs } from '../../src/find/object-ids.ts';
import { findObjects, type ObjectQuery, objectsOfPacks } from '../../src/find/objects.ts';
import { snapshotOf } from '../support/random-tree.ts';
import { TestRepository } from '../support/test-repository.ts';

const NONE = new IdPrefixes([]);

async function sample() {
  const made = await TestRepository.create();
  const [one, two] = [Buffer.from('one'), Buffer.from('two')];
  const dir = made.dir('dir', [made.file('twice', [one, two, one]), made.file('once', [two])]);
  const snapshots = [1, 2].map((i) => snapshotOf(made.tree([dir, made.file(`own-${i}`, [two])]), i));
  const ids = { one: made.blob('data', one), two: made.blob('data', two), dir: dir.subtree! };
  await made.closePacks();
  const find = async (query: Partial<ObjectQuery>): Promise<string[]> => {
    const lines: string[] = [];
    const whole = { blobs: query.blobs ?? NONE, trees: query.trees ?? NONE };
    const result = await findObjects(made.repository, snapshots, whole, ({ snapshot, kind, id, path, parent }) => {
      expect(parent === null).toBe(kind === 'tree');
      lines.push(`${Number(snapshot.id)} ${kind} ${id.slice(0, 8)} ${Buffer.from(path).toString()}`);
    });
    expect(result.hits).toBe(lines.length);
    return lines;
  };
  return { made, snapshots, ids, find };
}

test('every use of a blob is told, also a second one in the same file', async () => {
  const { ids, find } = await sample();
  const short = ids.one.slice(0, 8);
  const expected = [1, 2].flatMap((i) => [`${i} blob ${short} /dir/twice`, `${i} blob ${short} /dir/twice`]);
  for (const id of [ids.one, short, ids.one.slice(0, 20)])
    expect(await find({ blobs: new IdPrefixes([id]) })).toEqual(expected);
});

test('trees are found as folders, and as the root of a snapshot', async () => {
  const { snapshots, ids, find } = await sample();
  expect(await find({ trees: new IdPrefixes([ids.dir]) })).toEqual(
    [1, 2].map((i) => `${i} tree ${ids.dir.slice(0, 8)} /dir`),
  );
  const root = snapshots[1]!.tree;
  expect(await find({ trees: new IdPrefixes([root.slice(0, 12)]) })).toEqual([`2 tree ${root.slice(0, 8)} /`]);
});

test('an id that nothing uses is not found; one that is none is refused', async () => {
  const { find } = await sample();
  expect(await find({ blobs: new IdPrefixes(['0'.repeat(64)]) })).toEqual([]);
  for (const bad of ['', 'xyz', 'ABCD', '0'.repeat(65)])
    expect(() => new IdPrefixes([bad])).toThrow(expect.objectContaining({ code: 'bad-id' }));
});

test('a pack stands for what it holds, by the index or else by its own header', async () => {
  const { made, ids, find } = await sample();
  const [data] = made.packs;
  const query = await objectsOfPacks(made.repository, [data!.slice(0, 8)]);
  expect([...query.blobs.whole].sort()).toEqual([ids.one, ids.two].sort());
  expect(query.trees.isEmpty).toBe(true);
  expect(await find(query)).toHaveLength(10);
  // The same repository, opened anew: nothing is indexed.
  const { repository } = made;
  const unindexed = repository.through(repository.backend);
  const again = await objectsOfPacks(unindexed, [data!]);
  expect([...again.blobs.whole].sort()).toEqual([ids.one, ids.two].sort());
  await expect(objectsOfPacks(repository, [data!, '0123456789'])).rejects.toMatchObject({
    code: 'object-missing',
    message: expect.stringContaining('0123456789'),
  });
});

test('places of blobs are told by whole id and by prefix', async () => {
  const { made, ids } = await sample();
  const { blobs } = made.repository;
  const place = blobs.lookup('data', idBytes(ids.two))!;
  const expected = { kind: 'data', id: ids.two, pack: made.packs[0], offset: place.offset, length: place.length };
  for (const id of [ids.two, ids.two.slice(0, 9)])
    expect(storedBlobs(blobs, 'data', new IdPrefixes([id]))).toEqual([expect.objectContaining(expected)]);
  expect(storedBlobs(blobs, 'tree', new IdPrefixes([ids.two as BlobId]))).toEqual([]);
});
