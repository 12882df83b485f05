/** Reads through the kernel's ring give what plain reads give, in the order in which they were asked for. */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memoryOf } from '../src/memory.ts';
import { PAGE_BYTES, pagesOfMemory } from '../src/posix/pages.ts';
import { RingReads } from '../src/posix/ring-reads.ts';

const SEED = 20_261_130;
const MOST = 8;
const FILE_BYTES = 50 * PAGE_BYTES + 123;
const content = Uint8Array.from({ length: FILE_BYTES }, (_, i) => (i * 7 + (i >> 8) * 13) & 0xff);

const probe = RingReads.create(MOST);
probe?.close();

let folder: string;
let fd: number;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostark-ring-'));
  writeFileSync(join(folder, 'file'), content);
  fd = openSync(join(folder, 'file'), 'r');
});
afterAll(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

describe.skipIf(probe === null)('a ring', () => {
  const reads = fc.array(
    fc.record({ position: fc.nat({ max: FILE_BYTES + 100 }), length: fc.nat({ max: PAGE_BYTES }) }),
    { maxLength: MOST / 2 },
  );

  test('gives the bytes of each place, fewer at the end of the file, of two runs at a time', async () => {
    const ring = RingReads.create(MOST)!;
    const memory = memoryOf(pagesOfMemory(MOST * PAGE_BYTES));
    await fc.assert(
      fc.asyncProperty(reads, reads, async (first, second) => {
        memory.bytes.fill(0xee);
        const runs = [first, second].map((places, run) => {
          for (const [i, { position, length }] of places.entries()) {
            ring.add(fd, memory, ((run * MOST) / 2 + i) * PAGE_BYTES, length, position);
          }
          return ring.run();
        });
        const results = await Promise.all(runs);
        for (const [run, places] of [first, second].entries()) {
          expect(results[run]!.length).toBe(places.length);
          for (const [i, { position, length }] of places.entries()) {
            const wanted = content.subarray(position, position + length);
            expect(results[run]![i]).toBe(wanted.length);
            const at = ((run * MOST) / 2 + i) * PAGE_BYTES;
            expect(Buffer.compare(memory.bytes.subarray(at, at + wanted.length), wanted)).toBe(0);
            if (wanted.length < PAGE_BYTES) expect(memory.bytes[at + wanted.length]).toBe(0xee);
          }
        }
      }),
      { seed: SEED, numRuns: 200 },
    );
    ring.close();
  });

  test('tells the error of a read, and goes on with the others', async () => {
    const ring = RingReads.create(MOST)!;
    const memory = memoryOf(pagesOfMemory(2 * PAGE_BYTES));
    ring.add(1 << 20, memory, 0, 10, 0);
    ring.add(fd, memory, PAGE_BYTES, 10, 5);
    expect(await ring.run()).toEqual([-9, 10]); // EBADF
    expect([...memory.bytes.subarray(PAGE_BYTES, PAGE_BYTES + 10)]).toEqual([...content.subarray(5, 15)]);
    ring.close();
  });

  test('refuses what has no room: bytes outside the memory, and more reads than it is for', () => {
    const ring = RingReads.create(MOST)!;
    const memory = memoryOf(pagesOfMemory(PAGE_BYTES));
    expect(() => ring.add(fd, memory, 1, PAGE_BYTES, 0)).toThrow(RangeError);
    for (let i = 0; i < MOST; i++) ring.add(fd, memory, 0, 1, i);
    expect(() => ring.add(fd, memory, 0, 1, 0)).toThrow(RangeError);
    ring.close();
  });

  test('is none where the number is none that the kernel takes', () => {
    expect(RingReads.create(1 << 20)).toBeNull();
  });
});
