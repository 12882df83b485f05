/** Asking before being asked: what it spares, and that it never tells what is no longer so. */
import { HostarkError } from '@hostark/protocol';
import { expect, test } from 'vitest';
import type { Backend, FileType, Handle } from '../../src/backend.ts';
import { anticipating } from '../../src/backends/anticipating.ts';
import { type CountingBackend, counting } from '../../src/backends/counting.ts';
import { memoryBackend } from '../../src/backends/memory.ts';
import { retrying } from '../../src/backends/retrying.ts';
import { collect, expectBytes, handleOf, patternBytes } from '../conformance.ts';
import { fakeClock, settle } from '../fake-clock.ts';
import { failing } from './failing.ts';

const config: Handle = { type: 'config', name: '' };
const content = patternBytes(300, 1);
const key = handleOf('keys', content);
const lock = handleOf('locks', patternBytes(50, 2));

/** A repository with a config, keys and a lock, and the requests that reach it. */
async function place(keys = 1): Promise<CountingBackend> {
  const memory = memoryBackend();
  await memory.save(config, content);
  for (let i = 0; i < keys; i++)
    await memory.save(handleOf('keys', patternBytes(300, 1 + i)), patternBytes(300, 1 + i));
  await memory.save(lock, patternBytes(50, 2));
  return counting(memory);
}

const names = async (backend: Backend, type: FileType): Promise<string[]> =>
  (await collect(backend.list(type))).map(({ name }) => name);

test('config, keys, the only key and the locks are asked for at once, and not again', async () => {
  const below = await place();
  const backend = anticipating(below, { locks: true });
  await settle();
  const asked = () => [below.counts.load.requests, below.counts.list.requests];
  expect(asked()).toEqual([2, 2]);
  expectBytes(await backend.load(config), content);
  expect(await names(backend, 'keys')).toEqual([key.name]);
  expectBytes(await backend.load(key), content);
  expect(await names(backend, 'locks')).toEqual([lock.name]);
  expect(asked()).toEqual([2, 2]);
});

test('a key that is known is asked for with everything else, and no list of keys', async () => {
  const below = await place();
  const backend = anticipating(below, { locks: true, key: key.name });
  const asked = () => [below.counts.load.requests, below.counts.list.requests];
  expect(asked()).toEqual([2, 1]);
  expectBytes(await backend.load(config), content);
  expectBytes(await backend.load(key), content);
  expect(await names(backend, 'locks')).toEqual([lock.name]);
  expect(asked()).toEqual([2, 1]);
});

test('the second time everything is asked for anew', async () => {
  const below = await place();
  const backend = anticipating(below, { locks: true });
  for (let i = 0; i < 2; i++) {
    await backend.load(config);
    await names(backend, 'keys');
    await backend.load(key);
    await names(backend, 'locks');
  }
  expect([below.counts.load.requests, below.counts.list.requests]).toEqual([4, 4]);
});

test('lists are asked for in their order, each when the one before has answered', async () => {
  const memory = memoryBackend();
  const index = handleOf('index', patternBytes(60, 3));
  let answer = (): void => {};
  const asked: FileType[] = [];
  const slow: Backend = Object.assign(Object.create(memory) as Backend, {
    async *list(type: FileType) {
      asked.push(type);
      if (type === 'snapshots') await new Promise<void>((resolve) => (answer = resolve));
      yield* memory.list(type);
    },
    load: () => Promise.reject(new HostarkError('object-missing', 'no config')),
  });
  const backend = anticipating(slow, { locks: false, lists: ['snapshots', 'index'] });
  await settle();
  expect(asked).toEqual(['keys', 'snapshots']);
  await memory.save(index, patternBytes(60, 3));
  answer();
  await settle();
  expect(asked).toEqual(['keys', 'snapshots', 'index']);
  expect(await names(backend, 'snapshots')).toEqual([]);
  expect(await names(backend, 'index')).toEqual([index.name]);
  expect(asked).toHaveLength(3);
});

test('a list that is wanted before its turn has come waits for it, and is asked for once', async () => {
  const below = await place();
  const backend = anticipating(below, { locks: false, key: key.name, lists: ['snapshots', 'index'] });
  const wanted = names(backend, 'index');
  await settle();
  expect(await wanted).toEqual([]);
  expect(await names(backend, 'snapshots')).toEqual([]);
  expect(below.counts.list.requests).toBe(2);
});

test('a list that fails does not keep the next from being asked for', async () => {
  let lists = 0;
  const broken = failing(await place(), (operation) => {
    if (operation === 'list' && ++lists === 1) throw new HostarkError('backend-unavailable', 'no list today');
  });
  const backend = anticipating(broken, { locks: false, key: key.name, lists: ['snapshots', 'index'] });
  expect(await names(backend, 'index')).toEqual([]);
});

test('what nobody has taken yet is forgotten when told so', async () => {
  const below = await place();
  const backend = anticipating(below, { locks: true, lists: ['index'] });
  await settle();
  const index = handleOf('index', patternBytes(60, 3));
  await below.save(index, patternBytes(60, 3));
  backend.traits?.forgetEarlyAnswers?.();
  expect(await names(backend, 'index')).toEqual([index.name]);
  await below.remove(key);
  await expect(backend.load(key)).rejects.toMatchObject({ code: 'object-missing' });
});

test('who takes no lock asks for none, and of several keys none is guessed', async () => {
  const below = await place(3);
  const backend = anticipating(below, { locks: false });
  await settle();
  expect([below.counts.load.requests, below.counts.list.requests]).toEqual([1, 1]);
  expect(await names(backend, 'keys')).toHaveLength(3);
});

test('what is saved or removed meanwhile is not told as it was', async () => {
  const below = await place();
  const backend = anticipating(below, { locks: true });
  await settle();
  const other = handleOf('locks', patternBytes(50, 9));
  await backend.save(other, patternBytes(50, 9));
  await backend.remove(lock);
  expect(await names(backend, 'locks')).toEqual([other.name]);
  await backend.save(config, content.subarray(1));
  expectBytes(await backend.load(config), content.subarray(1));
  await backend.remove(key);
  expect(await names(backend, 'keys')).toEqual([]);
  await expect(backend.load(key)).rejects.toMatchObject({ code: 'object-missing' });
});

test('what others changed is told once five seconds have passed, as when a password is typed', async () => {
  const below = await place();
  const clock = fakeClock();
  const backend = anticipating(below, { locks: true, clock });
  await settle();
  await below.remove(lock);
  await below.remove(key);
  clock.jump(5_001);
  expect(await names(backend, 'locks')).toEqual([]);
  expect(await names(backend, 'keys')).toEqual([]);
});

test('a failure is told to whoever asks, and the next try is a new one', async () => {
  const below = await place();
  let failures = 2;
  const flaky = failing(below, () => {
    if (failures-- > 0) throw new HostarkError('backend-unavailable', 'not now', { retry: 'later' });
  });
  const backend = retrying(anticipating(flaky, { locks: true }), { firstDelayMs: 1 });
  expectBytes(await backend.load(config), content);
  expect(await names(backend, 'keys')).toEqual([key.name]);
});

test('a failure that nobody asks about is nobody’s', async () => {
  const down = failing(memoryBackend(), () => {
    throw new HostarkError('backend-unavailable', 'not now', { retry: 'later' });
  });
  const backend = anticipating(down, { locks: true });
  await settle();
  await backend.close();
});
