/** A folder of its own for each test, gone afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestAPI, test } from 'vitest';

/** `test` with a fixture `folder`: the path of a fresh, empty folder. */
export const testInFolder: TestAPI<{ folder: string }> = test.extend<{ folder: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: the runner reads the names of the parameters
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'hostark-archive-'));
    try {
      await use(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
});
