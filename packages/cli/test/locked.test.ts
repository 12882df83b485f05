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

test('lists that the work will want are asked for at once, in order, and by the work no more', async () => {
  const repository = await newRepository();
  const asked: string[] = [];
  const backend = Object.assign(Object.create(repository.backend) as Backend, {
    async *list(type: Parameters<Backend['list']>[0]) {
      asked.push(type);
      yield* repository.backend.list(type);
    },
  });
  for (const method of ['load', 'save', 'remove', 'size', 'exists'] as const)
    Object.assign(backend, { [method]: repository.backend[method].bind(repository.backend) });
  const lists = ['snapshots', 'index'] as const;
  await withLock(
    repository.through(backend),
    { exclusive: false, beginsEarly: true, lists, signal },
    async (opened) => {
      await opened.confirmed;
      expect(asked.filter((type) => type !== 'locks')).toEqual(['snapshots', 'index', 'index']);
      asked.length = 0;
      await opened.repository.snapshots().ids();
      await opened.repository.loadIndex();
      expect(asked).toEqual([]);
      await opened.repository.loadIndex();
      expect(asked).toEqual(['index']);
    },
  );
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

test('what was read early counts by what was read, also when index files went before anybody else looked', async () => {
  const repository = await newRepository();
  const [old] = await namesOf(repository.backend, 'index');
  let lists = 0;
  // The prune goes on between our first list of the index and all later ones.
  const backend = Object.assign(Object.create(repository.backend) as Backend, {
    async *list(type: Parameters<Backend['list']>[0]) {
      for (const name of await namesOf(repository.backend, type as 'index')) yield { name, size: 1 };
      if (type !== 'index' || ++lists > 1) return;
      await repository.saveUnpacked('index', new TextEncoder().encode('{"packs":[],"supersedes":[]}'));
      await repository.backend.remove({ type: 'index', name: old! });
    },
  });
  for (const method of ['load', 'save', 'remove', 'size', 'exists'] as const)
    Object.assign(backend, { [method]: repository.backend[method].bind(repository.backend) });
  const seen: string[][] = [];
  await withLock(repository.through(backend), { exclusive: false, beginsEarly: true, signal }, async (opened) => {
    seen.push(await namesOf(opened.repository.backend, 'index'));
    await opened.confirmed;
  });
  expect(seen).toEqual([[old], await namesOf(repository.backend, 'index')]);
});

test('what was read early is read again when it was gone before anybody could read it', async () => {
  const repository = await newRepository();
  const [old] = await namesOf(repository.backend, 'index');
  let listed = false;
  const backend = Object.assign(Object.create(repository.backend) as Backend, {
    async *list(type: Parameters<Backend['list']>[0]) {
      yield* repository.backend.list(type);
      if (type !== 'index' || listed) return;
      // The prune goes on between our list and our look at what it named.
      listed = true;
      await repository.saveUnpacked('index', new TextEncoder().encode('{"packs":[],"supersedes":[]}'));
      await repository.backend.remove({ type: 'index', name: old! });
    },
  });
  for (const method of ['load', 'save', 'remove', 'size', 'exists'] as const)
    Object.assign(backend, { [method]: repository.backend[method].bind(repository.backend) });
  const loaded: string[][] = [];
  await withLock(repository.through(backend), { exclusive: false, beginsEarly: true, signal }, async (opened) => {
    await opened.repository.loadIndex();
    loaded.push([...opened.repository.loadedIndexes]);
    await opened.confirmed;
  });
  expect(loaded).toEqual([await namesOf(repository.backend, 'index')]);
});

test('an object that is missing once the lock is certain is missing', async () => {
  const repository = await newRepository();
  const missing = { type: 'index', name: '0'.repeat(64) } as const;
  let begun = 0;
  const reading = withLock(repository, { exclusive: false, beginsEarly: true, signal }, async (opened) => {
    begun++;
    await opened.repository.backend.load(missing);
  });
  await expect(reading).rejects.toMatchObject({ code: 'object-missing' });
  expect(begun).toBe(2);
  expect(await namesOf(repository.backend, 'locks')).toEqual([]);
});

test('who works alone reads again what others have added meanwhile', async () => {
  const repository = await newRepository();
  const seen: number[] = [];
  await withLock(repository, { exclusive: true, beginsEarly: true, signal }, async (opened) => {
    seen.push((await namesOf(opened.repository.backend, 'index')).length);
    if (seen.length === 1)
      await repository.saveUnpacked('index', new TextEncoder().encode('{"packs":[],"supersedes":[]}'));
    await opened.confirmed;
  });
  expect(seen).toEqual([1, 2]);
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
