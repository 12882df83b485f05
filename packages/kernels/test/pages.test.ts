import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { askAhead, beginsAtPage, pagesOfMemory, pagesOfSharedMemory } from '../src/index.ts';
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

test('asking the disk ahead changes nothing and never fails', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hostark-ahead-'));
  const path = join(folder, 'pack');
  writeFileSync(path, Buffer.alloc(3 << 20));
  expect(() => askAhead(path)).not.toThrow();
  expect(() => askAhead(folder)).not.toThrow();
  expect(() => askAhead(join(folder, 'nothing'))).not.toThrow();
  rmSync(folder, { recursive: true });
});
