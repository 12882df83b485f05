import { posix } from '@hostark/kernels';
import { expect, test } from 'vitest';
import { SlabPool } from '../../src/pool/slabs.ts';

const PAGE = 4096;

test('a pool makes as many slabs as it may, and lends again what comes back', async () => {
  const pool = new SlabPool(5 * PAGE, 2);
  const [first, second] = [await pool.take(), await pool.take()];
  let third: unknown = null;
  const waiting = pool.take().then((slab) => {
    third = slab;
  });
  await Promise.resolve();
  expect(third).toBeNull();
  pool.release(second);
  await waiting;
  expect(third).toBe(second);
  expect(first.memory.buffer).not.toBe(second.memory.buffer);
});

test.skipIf(!posix().native)('what lies behind the part that is kept is given back', async () => {
  const pool = new SlabPool(5 * PAGE, 1, { keptBytes: 2 * PAGE });
  const slab = await pool.take();
  slab.memory.fill(9);
  pool.release(slab);
  const { memory } = await pool.take();
  expect(memory.subarray(0, 2 * PAGE).every((byte) => byte === 9)).toBe(true);
  expect(memory.subarray(2 * PAGE).every((byte) => byte === 0)).toBe(true);
  const whole = new SlabPool(5 * PAGE, 1);
  const other = await whole.take();
  other.memory.fill(9);
  whole.release(other);
  expect((await whole.take()).memory.every((byte) => byte === 9)).toBe(true);
});
