/** Hostark beside stock restic on the same data, in alternation, medians of several rounds. */
import { join } from 'node:path';
import { attic } from './attic.mjs';
import { CASES } from './cases.mjs';
import { limits } from './limit.mjs';
import { hasCommand, measure, PROGRAMS, run } from './programs.mjs';
import { markdownTable, printRow, requestTable } from './report.mjs';
import { STEPS } from './steps.mjs';
import { bucket, folders, remove, sizeOf } from './storage.mjs';

const programs = Object.keys(PROGRAMS);

/** Runs the wanted cases and prints their rows. */
export async function compare({ work, environment, rounds, only, limit, json, markdown }) {
  const [restored, kept] = [join(work, 'restored'), attic(work)];
  kept.put(restored);
  const wanted = only?.split(',') ?? Object.keys(CASES).filter((name) => !CASES[name].optional);
  const rows = [];
  for (const name of wanted) {
    const { data: make, storage: kind, steps: known, fewFiles } = CASES[name];
    const discard = fewFiles ? remove : kept.put;
    const data = make(work);
    const bytes = sizeOf(data);
    const steps = known.filter((step) => programs.every((program) => isKnown(program, STEPS[step])));
    const storage = kind === 'bucket' ? await bucket(work, discard) : folders(work, discard);
    const scratch = join(restored, `${name}-limit`);
    const bounds = limit ? await limits(data, scratch, steps, storage.forLimit) : {};
    discard(scratch);
    const samples = Object.fromEntries(programs.map((program) => [program, []]));
    for (let i = 0; i < rounds; i++) {
      for (const program of i % 2 === 0 ? programs : programs.toReversed()) {
        const target = join(restored, `${name}-${i}-${program}`);
        const cache = { RESTIC_CACHE_DIR: join(work, `cache-${program}`) };
        const where = { program, storage, environment: { ...environment, ...storage.environment, ...cache } };
        samples[program].push(await round({ ...where, data, steps, target }));
        discard(target);
      }
    }
    await storage.close();
    for (const step of ['backup', ...steps]) {
      const costs = programs.map((program) => [program, summary(samples[program].map((sample) => sample[step]))]);
      const row = {
        case: name,
        step,
        bytes,
        ...Object.fromEntries(costs),
        limit: bounds[step] ?? null,
        start: bounds.start,
      };
      rows.push(row);
      if (!json) printRow(row);
    }
  }
  if (json) console.log(JSON.stringify({ rounds, rows }, null, 2));
  if (markdown) console.log([markdownTable(rows), requestTable(rows)].filter((table) => table !== null).join('\n\n'));
  kept.put(restored);
  kept.empty();
}

/** A command that is not in both programs is left out. */
function isKnown(program, { needs }) {
  return needs === undefined || hasCommand(program, needs);
}

/** One round of one case for one program: fresh repository, then every measured step. */
async function round({ program, storage, environment, data, steps, target }) {
  const repository = await storage.fresh(program);
  run(program, ['-r', repository, 'init', '--quiet'], environment);
  await storage.requests();
  const step = async (args) => {
    const cost = measure(program, ['-r', repository, '--quiet', ...args], environment);
    return { ...cost, requests: await storage.requests() };
  };
  const results = { backup: await step(['backup', data]) };
  results.backup.repositoryBytes = storage.bytes(program);
  for (const name of steps) {
    const { args, before, fromDisk } = STEPS[name];
    const words = args({ program, repository, environment, data, target });
    await storage.requests();
    if (fromDisk) storage.forget(program);
    const undo = before?.({ data });
    try {
      results[name] = await step(words);
    } finally {
      undo?.();
    }
  }
  return results;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Medians of what was measured; of requests those of the first round, since they do not vary. */
function summary(samples) {
  const of = (what) => median(samples.map((sample) => sample[what]));
  const { repositoryBytes = null, requests = null } = samples[0];
  return { wall: of('wall'), cpu: of('cpu'), peakMiB: of('peakMiB'), repositoryBytes, requests };
}
