/**
 * `npm run bench`: Hostark beside stock restic on the same data, in alternation, medians of several rounds.
 * Prints wall and CPU seconds, peak memory and repository size of both, requests and dollars where the repository is in a
 * bucket, and the ratios Hostark / restic.
 * Flags: --rounds N (default 3), --only CASE,..., --work DIR (default: a folder below the temporary folder), --limit (the
 * machine's own bound beside each row, see limit.mjs), --json, --markdown (the table of docs/performance.md at the end).
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CASES } from './cases.mjs';
import { limits } from './limit.mjs';
import { measure, PROGRAMS, run } from './programs.mjs';
import { markdownTable, printRow } from './report.mjs';
import { bucket, folders } from './storage.mjs';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    work: { type: 'string' },
    limit: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
  },
});
const rounds = Number(flags.rounds);
const work = flags.work ?? join(tmpdir(), 'hostark-bench');
const restored = join(work, 'restored');
const passwordFile = join(work, 'password');
mkdirSync(work, { recursive: true });
writeFileSync(passwordFile, 'bench\n', { mode: 0o600 });

const programs = Object.keys(PROGRAMS);
const STEPS = {
  unchanged: ({ data }) => ['backup', data],
  restore: ({ target }) => ['restore', 'latest', '--target', target],
  check: () => ['check', '--read-data'],
  snapshots: () => ['snapshots'],
  ls: () => ['ls', 'latest'],
};

/** One round of one case for one program: fresh repository, then every measured step. */
async function round(program, { data, steps, fewFiles, storage }, number) {
  const repository = await storage.fresh(program);
  const environment = {
    ...storage.environment,
    RESTIC_CACHE_DIR: join(work, `cache-${program}`),
    RESTIC_PASSWORD_FILE: passwordFile,
  };
  const target = join(restored, `${number}-${program}`);
  run(program, ['-r', repository, 'init', '--quiet'], environment);
  await storage.requests();
  const step = async (args) => {
    const cost = measure(program, ['-r', repository, '--quiet', ...args], environment);
    return { ...cost, requests: await storage.requests() };
  };
  const results = { backup: await step(['backup', data]) };
  results.backup.repositoryBytes = storage.bytes(program);
  for (const name of steps) results[name] = await step(STEPS[name]({ data, target }));
  if (fewFiles) rmSync(target, { recursive: true, force: true });
  return results;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Medians of what was measured; of requests those of the first round, since they do not vary. */
function summary(samples) {
  const of = (what) => median(samples.map((sample) => sample[what]));
  const { repositoryBytes = null, requests = null } = samples[0];
  return { wall: of('wall'), cpu: of('cpu'), peakMiB: of('peakMiB'), repositoryBytes, requests };
}

rmSync(restored, { recursive: true, force: true });
const wanted = flags.only?.split(',') ?? Object.keys(CASES).filter((name) => !CASES[name].optional);
const rows = [];
for (const name of wanted) {
  const { data: make, storage: kind, ...rest } = CASES[name];
  const data = make(work);
  const bounds = flags.limit && kind !== 'bucket' ? await limits(data, join(work, 'limit')) : {};
  const storage = kind === 'bucket' ? await bucket(work) : folders(work);
  const samples = Object.fromEntries(programs.map((program) => [program, []]));
  for (let i = 0; i < rounds; i++) {
    const order = i % 2 === 0 ? programs : programs.toReversed();
    for (const program of order)
      samples[program].push(await round(program, { ...rest, data, storage }, `${name}-${i}`));
  }
  await storage.close();
  for (const step of ['backup', ...rest.steps]) {
    const costs = programs.map((program) => [program, summary(samples[program].map((sample) => sample[step]))]);
    const row = { case: name, step, ...Object.fromEntries(costs), limit: bounds[step] ?? null };
    rows.push(row);
    if (!flags.json) printRow(row);
  }
}
if (flags.json) console.log(JSON.stringify({ rounds, rows }, null, 2));
if (flags.markdown) console.log(markdownTable(rows));
rmSync(restored, { recursive: true, force: true });
