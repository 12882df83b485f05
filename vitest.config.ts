import { defineConfig } from 'vitest/config';

const report = process.env.HOSTARK_TEST_REPORT;

/** The tests of the README: no stock restic, no root, no network beyond loopback. */
export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['test/interop/**', '**/node_modules/**', '**/dist/**'],
    pool: 'forks',
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
