/** What the build has learnt by practice is what this very Node takes, for every command on a repository and every thread. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { OPENING_COMMANDS } from '../../packages/cli/src/repository/peek.ts';
import { MAIN } from '../support/hostark.ts';

/** On one core the calling thread restores and verifies by itself. */
const THREADS = availableParallelism() > 1 ? ['worker', 'restore-worker', 'verify-worker'] : ['worker'];

/** Flags as they are when a command begins: vitest has others. */
const LOOK = `
  const { readFileSync } = require('node:fs');
  const { Script } = require('node:vm');
  const [code, cache] = process.argv.slice(1).map((path) => readFileSync(path));
  console.log(new Script(code.toString('latin1'), { cachedData: cache.subarray(0, -32) }).cachedDataRejected);`;

test.each([...OPENING_COMMANDS.map((name) => ['repository', name]), ...THREADS.map((name) => [name, name])])(
  '%s: what was learnt of %s is taken',
  (bundle, learnt) => {
    const folder = dirname(MAIN);
    expect(readdirSync(folder)).toContain(`${learnt}.cache`);
    const paths = [`${folder}/${bundle}.code.cjs`, `${folder}/${learnt}.cache`];
    // NODE_OPTIONS may name other flags than those of the build.
    const env = { PATH: process.env.PATH };
    expect(execFileSync(process.execPath, ['-e', LOOK, ...paths], { encoding: 'utf8', env })).toBe('false\n');
  },
);
