/**
 * `npm run bench -- --scaling`: what grows with the work, and how. Each measurement is appended to docs/plots/scaling.json at
 * once, so that a run that was cut off is gone on with by the same command; the plots are drawn from that file.
 * --fresh measures again what is there; --seconds N begins no further measurement after so long.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measure, PROGRAMS, run } from './programs.mjs';
import { largeFile, smallFiles } from './scaling-data.mjs';
import { blobTable, drawPlots, scalingTable } from './scaling-plots.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const plots = join(root, 'docs/plots');
const resultsFile = join(plots, 'scaling.json');

const SIZES = {
  files: [1e4, 1e5, 1e6],
  gib: [1, 10, 50],
  blobs: [1e5, 1e6, 1e7],
};
/** An index of 10^7 blobs is a gigabyte: its table is measured, not its files. */
const MOST_INDEXED = 1e6;

export async function scaling(options) {
  mkdirSync(plots, { recursive: true });
  if (!options.plots) await measureAll(options);
  if (options.markdown) console.log(`${scalingTable(load())}\n\n${blobTable(load())}`);
  for (const [name, svg] of Object.entries(drawPlots(load()))) writeFileSync(join(plots, `${name}.svg`), svg);
}

async function measureAll({ work, environment, upTo, only, fresh, seconds }) {
  const most = Object.fromEntries(
    (upTo ?? '')
      .split(',')
      .filter(Boolean)
      .map((pair) => pair.split('=')),
  );
  const wanted = only?.split(',') ?? Object.keys(SIZES);
  const place = join(work, 'scaling');
  const deadline = performance.now() + 1000 * (seconds ?? Number.POSITIVE_INFINITY);
  const results = new Results(fresh ? wanted : [], most);
  try {
    for (const series of wanted)
      for (const size of SIZES[series].filter((size) => size <= Number(most[series] ?? Number.POSITIVE_INFINITY)))
        for (const program of Object.keys(PROGRAMS)) {
          if (results.has(series, size, program)) continue;
          if (performance.now() > deadline) return console.log('out of time; the same command goes on from here');
          rmSync(join(place, 'run'), { recursive: true, force: true });
          const cache = { RESTIC_CACHE_DIR: join(place, 'run/cache') };
          const where = { place, size, program, environment: { ...environment, ...cache } };
          results.add(series, size, program, MEASURE[series](where));
        }
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

const MEASURE = {
  files({ place, size, program, environment }) {
    const data = join(place, `files-${size}`);
    const part = made(data, () => smallFiles(data, size));
    const { step } = repository(place, program, environment);
    return {
      backup: step('backup', data),
      unchanged: step('backup', data),
      'restore of 1 %': step('restore', 'latest', '--target', join(place, 'run/restored'), '--include', part),
      ls: step('ls', 'latest'),
    };
  },
  gib({ place, size, program, environment }) {
    const data = join(place, `gib-${size}`);
    made(data, () => largeFile(data, size));
    const { step } = repository(place, program, environment);
    return {
      backup: step('backup', data),
      restore: step('restore', 'latest', '--sparse', '--target', join(place, 'run/restored')),
    };
  },
  blobs({ place, size, program, environment }) {
    const script = (...args) =>
      execFileSync(process.execPath, [join(root, 'bench/scaling-blobs.mjs'), ...args], { encoding: 'utf8' });
    const table = program === 'hostark' ? { table: JSON.parse(script('table', String(size))) } : {};
    if (size > MOST_INDEXED) return table;
    const repo = join(place, `index-${size}`);
    made(repo, () => script('index', String(size), repo));
    const tiny = join(place, 'run/tiny');
    mkdirSync(tiny, { recursive: true });
    writeFileSync(join(tiny, 'file'), `${program} ${size}`);
    const backup = measure(program, ['-r', repo, '--quiet', '--no-cache', 'backup', tiny], environment);
    return { ...table, 'small backup': backup };
  },
};

const kept = new Map();

/** Makes data unless it is there; that of smaller sizes gives way. Returns what making it returned. */

function made(path, make) {
  if (kept.has(path)) return kept.get(path);
  for (const other of kept.keys()) rmSync(other, { recursive: true, force: true });
  kept.clear();
  rmSync(path, { recursive: true, force: true });
  kept.set(path, make());
  return kept.get(path);
}

function repository(place, program, environment) {
  const path = join(place, 'run/repository');
  mkdirSync(join(place, 'run'), { recursive: true });
  run(program, ['-r', path, 'init', '--quiet'], environment);
  return { step: (...args) => measure(program, ['-r', path, '--quiet', ...args], environment) };
}

/** What was measured, on disk after each step. */
class Results {
  #rows = load();

  constructor(again, most) {
    const isAgain = ({ series, size }) =>
      again.includes(series) && size <= Number(most[series] ?? Number.POSITIVE_INFINITY);
    this.#rows = this.#rows.filter((row) => !isAgain(row));
  }

  has(series, size, program) {
    return this.#rows.some((row) => row.series === series && row.size === size && row.program === program);
  }

  add(series, size, program, steps) {
    const rounded = Object.fromEntries(Object.entries(steps).map(([name, costs]) => [name, roundAll(costs)]));
    if (Object.keys(steps).length === 0) return;
    this.#rows.push({ series, size, program, steps: rounded });
    const lines = this.#rows.map((row) => `  ${JSON.stringify(row)}`);
    writeFileSync(`${resultsFile}.tmp`, `[\n${lines.join(',\n')}\n]\n`);
    renameSync(`${resultsFile}.tmp`, resultsFile);
    console.log(series, size, program, JSON.stringify(rounded));
  }
}

function roundAll({ status: _, ...costs }) {
  return Object.fromEntries(Object.entries(costs).map(([name, value]) => [name, Number(value.toPrecision(4))]));
}

function load() {
  return existsSync(resultsFile) ? JSON.parse(readFileSync(resultsFile, 'utf8')) : [];
}
