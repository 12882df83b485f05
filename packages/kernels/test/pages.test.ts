import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  askAhead,
  beginsAtPage,
  dropPages,
  largePagesOfMemory,
  largePagesOfSharedMemory,
  PAGE_BYTES,
  pagesOfMemory,
  pagesOfSharedMemory,
} from '../src/index.ts';
import { memoryOf } from '../src/memory.ts';
import { libc } from '../src/posix/libc.ts';

/** Whether the kernel knows large pages. */
const HAS_LARGE_PAGES = libc() !== null && existsSync('/sys/kernel/mm/transparent_hugepage/enabled');

/** Whether large pages are wanted where an address lies: the flag `hg` of its mapping (proc_pid_smaps(5)). */
function wantsLargePages(address: number): boolean {
  let isThere = false;
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line) ?? [];
    if (from !== undefined) isThere = Number.parseInt(from, 16) <= address && address < Number.parseInt(to!, 16);
    if (isThere && line.startsWith('VmFlags:')) return line.split(' ').includes('hg');
  }
  return false;
}

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

test('memory on large pages has its size, is zeroed, begins at one, and wants no others up to its end', () => {
  for (const size of [1, 2 << 20, (2 << 20) + 1, 5 << 20]) {
    for (const make of [largePagesOfMemory, largePagesOfSharedMemory]) {
      const bytes = make(size);
      expect(bytes.length).toBe(size);
      expect(memoryOf(bytes).address % (2 << 20)).toBe(0);
      if (libc() !== null) expect(bytes.every((byte) => byte === 0)).toBe(true);
      if (!HAS_LARGE_PAGES) continue;
      for (const at of [0, size - 1]) expect(wantsLargePages(memoryOf(bytes).address + at)).toBe(true);
    }
  }
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
