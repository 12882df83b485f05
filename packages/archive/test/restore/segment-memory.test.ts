/** Memory for segments from afar: used again, and never mixed up with what is not ours. */
import { expect, test } from 'vitest';
import { SegmentMemory } from '../../src/restore/segment-memory.ts';

test('what was given back is taken again, by whatever part of it is returned', () => {
  const memory = new SegmentMemory(5000);
  const [first, second] = [memory.take(5000), memory.take(1)];
  for (const room of [first, second]) {
    expect(room.length).toBe(5000);
    expect(room.buffer).toBeInstanceOf(SharedArrayBuffer);
  }
  expect(second.buffer).not.toBe(first.buffer);
  memory.giveBack(first.subarray(10, 20));
  const again = memory.take(5000);
  expect([again.buffer, again.byteOffset, again.length]).toEqual([first.buffer, first.byteOffset, 5000]);
});

test('a segment that is larger than usual gets none, and other memory is not taken back', () => {
  const memory = new SegmentMemory(5000);
  expect(memory.take(5001).length).toBe(0);
  const strange = new Uint8Array(new SharedArrayBuffer(5000));
  memory.giveBack(strange);
  memory.giveBack(new Uint8Array(5000));
  expect(memory.take(5000).buffer).not.toBe(strange.buffer);
});
