import { expect, test } from 'vitest';
import { Attempts } from '../src/repository/attempts.ts';

/** Work that notes what happens to it, and ends when it is confirmed. */
function noted(): { attempts: Attempts<string>; notes: string[] } {
  const notes: string[] = [];
  let count = 0;
  const attempts = new Attempts(async (signal, confirmed) => {
    const name = `work ${++count}`;
    notes.push(`${name} begins`);
    try {
      await confirmed;
      signal.throwIfAborted();
      notes.push(`${name} ends`);
      return name;
    } catch (error) {
      notes.push(`${name}: ${(error as Error).message}`);
      throw error;
    }
  });
  return { attempts, notes };
}

const NEVER = new AbortController().signal;

test('work that did not begin early begins when the lock is held', async () => {
  const { attempts, notes } = noted();
  expect(notes).toEqual([]);
  expect(await attempts.settle(NEVER)).toBe('work 1');
  expect(notes).toEqual(['work 1 begins', 'work 1 ends']);
});

test('work that began early ends only once the lock is held', async () => {
  const { attempts, notes } = noted();
  attempts.begin();
  await Promise.resolve();
  expect(notes).toEqual(['work 1 begins']);
  expect(await attempts.settle(NEVER)).toBe('work 1');
});

test('what an attempt did without success is thrown away, and the next begins anew', async () => {
  const { attempts, notes } = noted();
  attempts.begin();
  attempts.giveUp(new Error('locked'));
  attempts.begin();
  expect(await attempts.settle(NEVER)).toBe('work 2');
  expect(notes).toEqual(['work 1 begins', 'work 2 begins', 'work 1: locked', 'work 2 ends']);
});

test('without a lock the work is ended and waited for', async () => {
  const { attempts, notes } = noted();
  await attempts.drop(new Error('locked'));
  attempts.begin();
  await attempts.drop(new Error('locked'));
  expect(notes).toEqual(['work 1 begins', 'work 1: locked']);
});

test('a lost lock ends the work with the reason', async () => {
  const { attempts } = noted();
  const lost = new AbortController();
  lost.abort(new Error('lost'));
  await expect(attempts.settle(lost.signal)).rejects.toThrow('lost');
});
