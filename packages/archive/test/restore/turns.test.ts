import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { Turns } from '../../src/restore/turns.ts';

test('whoever has a job to do waits until nobody goes on planning', async () => {
  const turns = new Turns();
  const order: string[] = [];
  const plan = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      order.push(`plan ${i}`);
      await turns.give();
    }
    order.push('planned');
  };
  const work = async (): Promise<void> => {
    await turns.take();
    order.push('work');
  };
  await Promise.all([plan(), work()]);
  expect(order).toEqual(['plan 0', 'plan 1', 'plan 2', 'planned', 'work']);
});

test('messages come in between', async () => {
  const turns = new Turns();
  const { port1, port2 } = new MessageChannel();
  let heard = false;
  void once(port2, 'message').then(() => {
    heard = true;
  });
  port1.postMessage('done');
  for (let i = 0; i < 1000 && !heard; i++) await turns.give();
  port2.close();
  expect(heard).toBe(true);
});

test('a turn is due after some milliseconds of work', () => {
  const turns = new Turns();
  const until = performance.now() + 20;
  while (performance.now() < until);
  expect(turns.isDue).toBe(true);
});
