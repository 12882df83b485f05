import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { memoryBackend } from '@hostark/repository';
import { expect, test } from 'vitest';
import { startCrew } from '../../src/restore/crew.ts';
import { Turns } from '../../src/restore/turns.ts';
import { endThread } from '../../src/threads/ending.ts';
import { startAhead } from '../../src/threads/start.ts';
import { newRepository } from '../backup/helpers.ts';

test('threads that are closed while they load end by themselves', async () => {
  const { key, blobs } = await newRepository(memoryBackend());
  for (let i = 0; i < 4; i++)
    await startCrew({ key, actor: { privileged: false }, blobs: blobs.share() }, new Turns(), 1, 5).close();
});

/** One that is cut off would do neither, and takes the process along where that is in the middle of a native call. */
test('jobs posted before the end are done first', async () => {
  const { key, blobs } = await newRepository(memoryBackend());
  const crew = startCrew({ key, actor: { privileged: false }, blobs: blobs.share() }, new Turns(), 1, 5);
  const none = new Uint32Array(0);
  const files = {
    count: 0,
    paths: new Uint8Array(0),
    pathEnds: none,
    ids: new Uint8Array(0),
    lengths: none,
    blobEnds: none,
  };
  const job = crew.run({ kind: 'compare', files });
  await crew.close();
  expect(await job).toMatchObject({ kind: 'compared' });
});

test('a thread that has ended already is not waited for', async () => {
  const worker = new Worker('', { eval: true });
  await once(worker, 'exit');
  await endThread(worker);
});

test('a thread started ahead is the one that is used, and one that nobody took is ended', async () => {
  const { key, blobs } = await newRepository(memoryBackend());
  const started: Worker[] = [];
  const listen = (worker: Worker): number => started.push(worker);
  process.on('worker', listen);
  const ahead = startAhead('restore', 2);
  const crew = startCrew({ key, actor: { privileged: false }, blobs: blobs.share() }, new Turns(), 1, 5);
  await new Promise((resolve) => setImmediate(resolve)); // a process tells of its threads a turn later
  process.off('worker', listen);
  expect(started).toHaveLength(2);
  await ahead.close();
  expect(started.filter(({ threadId }) => threadId !== -1)).toHaveLength(1);
  await crew.close();
  expect(started.filter(({ threadId }) => threadId !== -1)).toEqual([]);
});
