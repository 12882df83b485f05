import { EventEmitter } from 'node:events';
import { cachedDataVersionTag } from 'node:v8';
import type { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { growReluctantly, keepYoungGenerationSmall, optimizeReluctantly } from '../src/terminal/memory.ts';

test('flags are all taken back while a thread starts, so that it takes the code that Node was built with', () => {
  const built = cachedDataVersionTag();
  keepYoungGenerationSmall();
  growReluctantly();
  optimizeReluctantly();
  const wanted = cachedDataVersionTag();
  expect(wanted).not.toBe(built);

  const [first, second] = [new EventEmitter(), new EventEmitter()] as unknown as [Worker, Worker];
  (process as EventEmitter).emit('worker', first);
  expect(cachedDataVersionTag()).toBe(built);
  (process as EventEmitter).emit('worker', second);
  first.emit('message', 'loaded');
  expect(cachedDataVersionTag()).toBe(built);
  second.emit('exit', 0);
  expect(cachedDataVersionTag()).toBe(wanted);
});
