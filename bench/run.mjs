/**
 * `npm run bench`: Hostark beside stock restic on the same data, in alternation, medians of several rounds.
 * Prints wall and CPU seconds, peak memory and repository size of both, and the ratios Hostark / restic.
 * Flags: --rounds N (default 3), --only CASE,..., --work DIR (default: a folder below the temporary folder), --json.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { copyOf, randomFiles } from './data.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    work: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(flags.rounds);
const work = flags.work ?? join(tmpdir(), 'hostark-bench');
const passwordFile = join(work, 'password');
mkdirSync(work, { recursive: true });
writeFileSync(passwordFile, 'bench\n', { mode: 0o600 });

const PROGRAMS = {
  hostark: [process.execPath, join(root, 'packages/cli/dist/main.js')],
  ...(spawnSync('restic', ['version']).status === 0 ? { restic: ['restic'] } : {}),
};

/** Cases of a backup: the data, and what is measured on it after the first backup. */
const CASES = {
  'random-1GiB': {
    data: () => randomFiles(join(work, 'random-1GiB'), 8, 128),
    steps: ['unchanged', 'restore', 'check'],
  },
  'one-4GiB-file': { data: () => randomFiles(join(work, 'one-4GiB'), 1, 4096 - 1), steps: [], optional: true },
  'small-files': {
    data: () =>
      copyOf(join(work, 'small'), ['/usr/share', '/usr/include', '/usr/lib/python3'], {
        files: 46_000,
        bytes: 440e6,
        wanted: (_name, size) => size < 1e6,
      }),
    steps: ['unchanged', 'restore', 'check'],
  },
  libraries: {
    data: () =>
      copyOf(join(work, 'libraries'), ['/usr/lib', '/usr/local'], {
        files: 1e6,
        bytes: 660e6,
        wanted: (name, size) => size > 50_000 && /\.so|\.a$|^[^.]+$/.test(name),
      }),
    steps: ['restore'],
  },
};

/** Runs one command with a quiet disk before it: what earlier steps wrote must not be waited for by this one. */
function measure(program, args) {
  execFileSync('sync');
  const out = execFileSync(process.execPath, [join(root, 'bench/measure.mjs'), ...PROGRAMS[program], ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, RESTIC_CACHE_DIR: join(work, `cache-${program}`), RESTIC_PASSWORD_FILE: passwordFile },
  });
  const cost = JSON.parse(out);
  if (cost.status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${cost.status}`);
  return cost;
}

function sizeOf(path) {
  const stat = statSync(path);
  return stat.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0) : stat.size;
}

/** One round of one case for one program: fresh repository, then every measured step. */
function round(program, data, steps, number) {
  const repository = join(work, `repository-${program}`);
  // A fresh target each time, removed at the very end: ext4 is slow to reuse inodes that were freed a moment ago.
  const target = join(work, 'restored', `${basename(data)}-${program}-${number}`);
  rmSync(repository, { recursive: true, force: true });
  execFileSync(
    PROGRAMS[program][0],
    [...PROGRAMS[program].slice(1), '-r', repository, '--password-file', passwordFile, 'init', '--quiet'],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const at = ['-r', repository, '--quiet'];
  const results = { backup: measure(program, [...at, 'backup', data]) };
  results.backup.repositoryBytes = sizeOf(repository);
  if (steps.includes('unchanged')) results.unchanged = measure(program, [...at, 'backup', data]);
  if (steps.includes('restore')) results.restore = measure(program, [...at, 'restore', 'latest', '--target', target]);
  if (steps.includes('check')) results.check = measure(program, [...at, 'check', '--read-data']);
  return results;
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

const wanted = flags.only?.split(',') ?? Object.keys(CASES).filter((name) => !CASES[name].optional);
rmSync(join(work, 'restored'), { recursive: true, force: true });
const rows = [];
for (const name of wanted) {
  const data = CASES[name].data();
  const samples = Object.fromEntries(Object.keys(PROGRAMS).map((program) => [program, []]));
  for (let i = 0; i < rounds; i++) {
    const order = i % 2 === 0 ? Object.keys(PROGRAMS) : Object.keys(PROGRAMS).reverse();
    for (const program of order) samples[program].push(round(program, data, CASES[name].steps, i));
  }
  for (const step of ['backup', ...CASES[name].steps]) {
    const row = { case: name, step };
    for (const program of Object.keys(PROGRAMS)) {
      row[program] = Object.fromEntries(
        ['wall', 'cpu', 'peakMiB', 'repositoryBytes'].map((what) => [
          what,
          median(samples[program].map((sample) => sample[step][what])),
        ]),
      );
    }
    rows.push(row);
    if (!flags.json) printRow(row);
  }
}
if (flags.json) console.log(JSON.stringify({ rounds, rows }, null, 2));
for (const folder of ['restored', ...Object.keys(PROGRAMS).map((program) => `repository-${program}`)])
  rmSync(join(work, folder), { recursive: true, force: true });

function printRow({ case: name, step, hostark, restic }) {
  const show = (cost) =>
    `${cost.wall.toFixed(2)} s wall, ${cost.cpu.toFixed(2)} s CPU, ${Math.round(cost.peakMiB)} MiB${cost.repositoryBytes ? `, repository ${(cost.repositoryBytes / 1e6).toFixed(1)} MB` : ''}`;
  console.log(`${name} ${step}\n  hostark  ${show(hostark)}`);
  if (restic === undefined) return;
  console.log(`  restic   ${show(restic)}`);
  const ratio = (what) => (hostark[what] / restic[what]).toFixed(2);
  console.log(
    `  ratio    wall ${ratio('wall')}, CPU ${ratio('cpu')}, memory ${ratio('peakMiB')}${restic.repositoryBytes ? `, repository ${ratio('repositoryBytes')}` : ''}`,
  );
}
