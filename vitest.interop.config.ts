import { defineConfig } from 'vitest/config';

/** Tests against oracles (stock restic, OpenSSH, the AWS CLI). Run by `.ci/run`, which installs them. */
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
