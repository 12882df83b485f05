/**
 * `npm run bench -- --probe`: what a program of the host notices of a backup beside it. The program (probe-program.mjs) runs alone,
 * beside restic and beside Hostark: as they are, behind everything else (nice and ionice, as `protect` starts its agent),
 * and with --max-cpu. One first backup of 1 GiB each; --rounds N medians.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CASES } from './cases.mjs';
import { randomFiles } from './data.mjs';
import { PROGRAMS, run } from './programs.mjs';

const ALONE_SECONDS = 5;
const BEHIND =
  spawnSync('ionice', ['-c', '2', '-n', '7', 'true']).status === 0
    ? ['nice', '-n', '10', 'ionice', '-c', '2', '-n', '7']
    : ['nice', '-n', '10'];

const VARIANTS = [
  { name: 'nothing' },
  { name: 'restic', program: 'restic' },
  { name: 'restic, nice and ionice', program: 'restic', before: BEHIND },
  { name: 'hostark', program: 'hostark' },
  { name: 'hostark, nice and ionice', program: 'hostark', before: BEHIND },
  { name: 'hostark, --max-cpu 50%', program: 'hostark', flags: ['--max-cpu', '50%'] },
  { name: 'hostark, --max-cpu 25%', program: 'hostark', flags: ['--max-cpu', '25%'] },
  { name: 'hostark, nice, ionice and --max-cpu 25%', program: 'hostark', before: BEHIND, flags: ['--max-cpu', '25%'] },
];

export async function probe({ work, environment, rounds, only }) {
  const place = join(work, 'probe');
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  const data = CASES[only ?? 'random-1GiB'].data(work);
  const file = join(randomFiles(join(work, 'probe-file'), 1, 64), 'random-0');
  const variants = VARIANTS.filter(({ program }) => program === undefined || program in PROGRAMS);
  const samples = variants.map(() => []);
  try {
    for (let round = 0; round < rounds; round++)
      for (const [at, variant] of variants.entries())
        samples[at].push(await beside(variant, { place, data, file, environment }));
    console.log('| beside | p50 ms | p99 ms | max ms | backup s |\n|---|---|---|---|---|');
    for (const [at, { name }] of variants.entries()) {
      const of = (what, digits) => median(samples[at].map((sample) => sample[what])).toFixed(digits);
      console.log(
        `| ${name} | ${of('p50', 2)} | ${of('p99', 2)} | ${of('max', 1)} | ${at === 0 ? '' : of('seconds', 1)} |`,
      );
    }
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** Runs the probe as long as the backup takes, and returns what it noticed. */
async function beside({ program, before = [], flags = [] }, { place, data, file, environment }) {
  rmSync(join(place, 'repository'), { recursive: true, force: true });
  const words = ['-r', join(place, 'repository'), '--quiet', '--no-cache'];
  if (program !== undefined) run(program, [...words, 'init'], environment);
  spawnSync('sync');
  const watcher = spawn(process.execPath, [fileURLToPath(new URL('./probe-program.mjs', import.meta.url)), file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: watcher.stdout })[Symbol.asyncIterator]();
  await lines.next();
  if (program === undefined) await new Promise((resolve) => setTimeout(resolve, 1000 * ALONE_SECONDS));
  else await backup([...before, ...PROGRAMS[program], ...words, 'backup', data, ...flags], environment);
  watcher.stdin.write('\n');
  const seen = JSON.parse((await lines.next()).value);
  await new Promise((resolve) => watcher.once('close', resolve));
  process.stderr.write(
    `${program ?? 'nothing'} ${before.length > 0 ? 'behind ' : ''}${flags.join(' ')}: ${JSON.stringify(seen)}\n`,
  );
  return seen;
}

async function backup([command, ...args], environment) {
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...environment },
  });
  const status = await new Promise((resolve) => child.once('exit', resolve));
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
