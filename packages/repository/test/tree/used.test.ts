/** The blobs that trees use are those that decoding every tree names, also in trees that the quick look does not know. */
import { nodePlatform } from '@hostark/kernels';
import { describe, expect, test } from 'vitest';
import { localBackend } from '../../src/backends/local.ts';
import { type BlobId, blobIdFrom } from '../../src/ids.ts';
import { openRepository } from '../../src/open.ts';
import type { Repository } from '../../src/repository.ts';
import { forEachUsedBlob } from '../../src/tree/used.ts';
import { walkTree } from '../../src/tree/walk.ts';
import { fixturePath, VERSIONS, type Version } from '../support/fixtures.ts';

async function openFixture(version: Version): Promise<Repository> {
  const backend = localBackend(fixturePath(version, 'repo'), { readOnly: true });
  const repository = await openRepository(backend, { password: 'correct-horse', platform: nodePlatform() });
  await repository.loadIndex();
  return repository;
}

describe.each(VERSIONS)('restic 0.19.1, version %i', (version) => {
  test('every snapshot uses what walking it names', async () => {
    const repository = await openFixture(version);
    for (const { tree } of await repository.snapshots().list()) {
      const expected = new Set([`tree ${tree}`]);
      await walkTree(repository, tree, ({ node }) => {
        for (const id of node.content ?? []) expected.add(`data ${id}`);
        if (node.subtree !== null) expected.add(`tree ${node.subtree}`);
        return undefined;
      });
      const used = new Set<string>();
      await forEachUsedBlob(repository, [tree], (kind, id) => used.add(`${kind} ${blobIdFrom(id)}`));
      expect([...used].sort()).toEqual([...expected].sort());
    }
  });

  test('a tree that is not there is told, or ends the call', async () => {
    const repository = await openFixture(version);
    const absent = 'a'.repeat(64) as BlobId;
    const told: BlobId[] = [];
    await forEachUsedBlob(repository, [absent], () => {}, { onError: (tree) => told.push(tree) });
    expect(told).toEqual([absent]);
    await expect(forEachUsedBlob(repository, [absent], () => {})).rejects.toMatchObject({ code: 'blob-missing' });
  });
});
