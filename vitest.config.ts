import { defineConfig } from 'vitest/config';

const report = process.env.HOSTARK_TEST_REPORT;

/** The tests of the README: no stock restic, no root, no network beyond loopback. */
export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['test/interop/**', '**/node_modules/**', '**/dist/**'],
    pool: 'forks',
    reporters: [
      'default',
      './scripts/list-skipped.mjs',
      ...(report === undefined ? [] : [['json', { outputFile: report }] as const]),
    ],
    // The SDK's advice to its own users is noise here, as it is for ours.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
