import { defineConfig } from 'vitest/config';

const report = process.env.HOSTARK_TEST_REPORT;

/** Tests against oracles (stock restic, OpenSSH, the AWS CLI), and those of whole commands that would make `npm test` long. Run by `.ci/run`, which installs them. */
export default defineConfig({
  test: {
    include: ['test/interop/**/*.test.ts'],
    pool: 'forks',
    reporters: [
      'default',
      './scripts/list-skipped.mjs',
      ...(report === undefined ? [] : [['json', { outputFile: report }] as const]),
    ],
    // The SDK's advice to its own users is noise here, as it is for ours.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
