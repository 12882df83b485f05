/** The programs that are compared, and what one run of them costs. */
import { execFileSync, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Hostark's own, and stock restic when it is on the PATH: the words that start each. */
export const PROGRAMS = {
  hostark: [process.execPath, join(root, 'packages/cli/dist/main.cjs')],
  ...(spawnSync('restic', ['version']).status === 0 ? { restic: ['restic'] } : {}),
};

/** Whether a program knows a command. */
export function hasCommand(program, name) {
  const [command, ...first] = PROGRAMS[program];
  const { stdout } = spawnSync(command, [...first, 'help'], { encoding: 'utf8' });
  return new RegExp(`^ +${name}\\b`, 'm').test(stdout);
}

/**
 * Runs one command with a quiet disk before it: what earlier steps wrote must not be waited for by this one. Returns wall and CPU
 * seconds and peak memory in MiB, of the whole process. Throws when it does not end well.
 */
export function measure(program, args, environment) {
  execFileSync('sync');
  const out = execFileSync(process.execPath, [join(root, 'bench/measure.mjs'), ...PROGRAMS[program], ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  const cost = JSON.parse(out);
  if (cost.status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${cost.status}`);
  return cost;
}

/** Runs one command that is not measured. */
export function run(program, args, environment) {
  const [command, ...first] = PROGRAMS[program];
  execFileSync(command, [...first, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...environment },
  });
}

/** Runs one command that is not measured and returns what it prints. */
export function output(program, args, environment) {
  const [command, ...first] = PROGRAMS[program];
  return execFileSync(command, [...first, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
    maxBuffer: 256 << 20,
  });
}
