import { defineConfig } from 'vitest/config';

const report = process.env.HOSTARK_TEST_REPORT;

/** Tests against oracles (stock restic, OpenSSH, the AWS CLI). Run by `.ci/run`, which installs them. */
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    pool: 'forks',
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
