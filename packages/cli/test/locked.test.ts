import { nodePlatform } from '@hostark/kernels';
import { type Backend, initRepository, memoryBackend, type Repository } from '@hostark/repository';
import { expect, test } from 'vitest';
import { withLock } from '../src/repository/locked.ts';

const signal = new AbortController().signal;
const CHEAP = { n: 2, r: 1, p: 1 };

async function newRepository(): Promise<Repository> {
  const repository = await initRepository(memoryBackend(), { password: 'x', platform: nodePlatform(), cost: CHEAP });
  await repository.saveUnpacked('index', new TextEncoder().encode('{"packs":[]}'));
  return repository;
}

const namesOf = async (backend: Backend, type: 'index' | 'locks'): Promise<string[]> => {
  const names: string[] = [];
  for await (const { name } of backend.list(type)) names.push(name);
  return names;
};

test('work that begins early reads before the lock is certain and changes nothing before', async () => {
  const repository = await newRepository();
  const notes: string[] = [];
  await withLock(repository, { exclusive: false, beginsEarly: true, signal }, async (opened) => {
    let certain = false;
    void opened.confirmed.then(() => {
      certain = true;
    });
    await opened.repository.loadIndex();
    notes.push(`read, ${certain ? 'certain' : 'not certain yet'}`);
    await opened.repository.saveUnpacked('index', new TextEncoder().encode('{"packs":[],"supersedes":[]}'));
    notes.push(`written, ${certain ? 'certain' : 'not certain yet'}`);
  });
  expect(notes).toEqual(['read, not certain yet', 'written, certain']);
  expect(await namesOf(repository.backend, 'locks')).toEqual([]);
});

test('what was read early is read again when index files went meanwhile', async () => {
  const repository = await newRepository();
  const seen: string[][] = [];
  await withLock(
    repository,
    { exclusive: false, beginsEarly: true, signal },
    async ({ repository: own, confirmed }) => {
      const names = await namesOf(own.backend, 'index');
      seen.push(names);
      // What a prune does that began before our lock was there, and ended before it was certain.
      if (seen.length === 1) {
        await repository.saveUnpacked('index', new TextEncoder().encode('{"packs":[],"supersedes":[]}'));
        await repository.backend.remove({ type: 'index', name: names[0]! });
      }
      await confirmed;
    },
  );
  expect(seen).toHaveLength(2);
  expect(seen[1]).toEqual(await namesOf(repository.backend, 'index'));
});

test('early work comes to nothing when somebody else holds the lock', async () => {
  const repository = await newRepository();
  let begun = 0;
  await withLock(repository, { exclusive: true, signal }, async () => {
    const second = withLock(repository, { exclusive: false, beginsEarly: true, signal }, async (opened) => {
      begun++;
      await opened.confirmed;
    });
    await expect(second).rejects.toMatchObject({ code: 'locked' });
  });
  expect(begun).toBe(0);
  expect(await namesOf(repository.backend, 'locks')).toEqual([]);
});
