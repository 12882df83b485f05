import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { askAhead, beginsAtPage, dropPages, PAGE_BYTES, pagesOfMemory, pagesOfSharedMemory } from '../src/index.ts';
import { libc } from '../src/posix/libc.ts';

test('memory by pages has its size and begins at one', () => {
  for (const size of [1, 4096, 5000, 3 << 20]) {
    for (const bytes of [pagesOfMemory(size), pagesOfSharedMemory(size)]) {
      expect(bytes.length).toBe(size);
      expect(beginsAtPage(bytes)).toBe(libc() !== null);
      expect(beginsAtPage(bytes.subarray(1))).toBe(false);
    }
  }
  expect(pagesOfSharedMemory(10_000).every((byte) => byte === 0)).toBe(true);
});

test.skipIf(libc() === null)('whole pages are dropped, and nothing but whole pages', () => {
  for (const bytes of [pagesOfMemory(10 * PAGE_BYTES), pagesOfSharedMemory(10 * PAGE_BYTES)]) {
    bytes.fill(7);
    dropPages(bytes.subarray(PAGE_BYTES + 1, 3 * PAGE_BYTES - 1));
    dropPages(bytes.subarray(PAGE_BYTES, 2 * PAGE_BYTES - 1));
    dropPages(bytes.subarray(0, 0));
    expect(bytes.every((byte) => byte === 7)).toBe(true);
    dropPages(bytes.subarray(2 * PAGE_BYTES + 1, 6 * PAGE_BYTES + 100));
    const expected = new Uint8Array(10 * PAGE_BYTES).fill(7).fill(0, 3 * PAGE_BYTES, 6 * PAGE_BYTES);
    expect(Buffer.compare(bytes, expected)).toBe(0);
  }
});

test('asking the disk ahead changes nothing and never fails', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hostark-ahead-'));
  const path = join(folder, 'pack');
  writeFileSync(path, Buffer.alloc(3 << 20));
  expect(() => askAhead(path)).not.toThrow();
  expect(() => askAhead(folder)).not.toThrow();
  expect(() => askAhead(join(folder, 'nothing'))).not.toThrow();
  rmSync(folder, { recursive: true });
});
