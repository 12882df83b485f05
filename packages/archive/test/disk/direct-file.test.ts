/** Ranges of a file, past the page cache and by way of it. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DirectFile, Pages } from '../../src/disk/direct-file.ts';
import { noise } from '../support/test-repository.ts';

const SIZE = 50_123;
const content = noise(SIZE, 7);
let folder: string;
let path: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostark-direct-'));
  path = join(folder, 'pack');
  writeFileSync(path, content);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const range = fc.record({ offset: fc.nat(SIZE + 9000), length: fc.nat(20_000) });

describe('a file that is read directly', () => {
  test('gives every range as it is, and what there is of one that goes beyond the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(range, { minLength: 1, maxLength: 5 }), async (ranges) => {
        const pages = new Pages(4096);
        const file = new DirectFile(path);
        try {
          for (const wanted of ranges) {
            const bytes = await file.read(wanted, pages.for(wanted));
            const there = content.subarray(wanted.offset, wanted.offset + wanted.length);
            expect(Buffer.compare(bytes, there)).toBe(0);
          }
        } finally {
          file.close();
        }
      }),
      { seed: 20_261_130, numRuns: 60 },
    );
  });

  test('is read by way of the page cache where memory does not begin at a page', async () => {
    const file = new DirectFile(path);
    const odd = new Pages(1 << 16).for({ offset: 0, length: 1 << 15 }).subarray(3);
    const wanted = { offset: 5000, length: 20_000 };
    expect(Buffer.compare(await file.read(wanted, odd), content.subarray(5000, 25_000))).toBe(0);
    file.close();
  });

  test('may shrink meanwhile', async () => {
    const copy = join(folder, 'shrinking');
    writeFileSync(copy, content);
    const file = new DirectFile(copy);
    const wanted = { offset: 4000, length: 40_000 };
    truncateSync(copy, 30_001);
    const bytes = await file.read(wanted, new Pages(1).for(wanted));
    expect(Buffer.compare(bytes, content.subarray(4000, 30_001))).toBe(0);
    file.close();
  });

  test('must be there', () => {
    expect(() => new DirectFile(join(folder, 'nothing'))).toThrow('ENOENT');
  });
});
