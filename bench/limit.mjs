/**
 * The machine's own bound: the same data through the same primitives, on all cores, with nothing in between. Two SHA-256,
 * one AES and one MAC pass, zstd where the engine would compress, one read and one write, and packs synced as the engine
 * syncs them, while the next ones are made. No chunk scan, no metadata, no trees, no index, no lock, no key.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A bound is the best that was seen. */
const ROUNDS = 3;
/** What a thread takes at once: a stretch of a large file, or some small files. */
const UNIT_BYTES = 8 << 20;
const UNIT_FILES = 64;

/**
 * Returns wall seconds for a backup, a check that reads everything, and a restore of the files below `data`. What it writes stays in
 * `scratch`, which is new.
 */
export async function limits(data, scratch) {
  const kernels = await bundle();
  const units = unitsOf(data);
  const files = 1 + Math.max(...units.flat().map(({ file }) => file));
  const seconds = {
    backup: Number.POSITIVE_INFINITY,
    check: Number.POSITIVE_INFINITY,
    restore: Number.POSITIVE_INFINITY,
  };
  for (let round = 0; round < ROUNDS; round++) {
    const place = join(scratch, String(round));
    for (let folder = 0; folder <= files >> 8; folder++) mkdirSync(join(place, `out-${folder}`), { recursive: true });
    for (const step of ['backup', 'check', 'restore']) {
      execFileSync('sync');
      seconds[step] = Math.min(seconds[step], await onAllCores({ step, units, scratch: place, kernels }));
    }
  }
  rmSync(kernels);
  return seconds;
}

/** The kernels and the engine's own decision what to compress, as one module. */
async function bundle() {
  const outfile = join(root, 'packages/kernels/dist/limit.mjs');
  await build({
    stdin: {
      contents: `export * from '@hostark/kernels'; export { CompressionProbe } from './packages/archive/src/pool/compressible.ts';`,
      resolveDir: root,
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi', '@toondepauw/*'],
    banner: { js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);" },
    logLevel: 'error',
  });
  return outfile;
}

/** What threads take by turns; what counts is the time from "go" until the last one is done. */
async function onAllCores(workerData) {
  const shared = new SharedArrayBuffer(8);
  const url = new URL('./limit-worker.mjs', import.meta.url);
  const workers = Array.from(
    { length: availableParallelism() },
    (_, thread) => new Worker(url, { workerData: { ...workerData, shared, thread }, trackUnmanagedFds: false }),
  );
  const all = (event) =>
    Promise.all(
      workers.map(
        (worker) =>
          new Promise((resolve, reject) => {
            worker.once(event, resolve);
            worker.once('error', reject);
          }),
      ),
    );
  await all('message');
  const started = performance.now();
  const [done, ended] = [all('message'), all('exit')];
  for (const worker of workers) worker.postMessage('go');
  await done;
  const seconds = (performance.now() - started) / 1000;
  await ended;
  return seconds;
}

function unitsOf(directory) {
  const units = [];
  let small = [];
  let bytes = 0;
  const flush = () => {
    if (small.length > 0) units.push(small);
    small = [];
    bytes = 0;
  };
  filesBelow(directory).forEach(({ path, size }, file) => {
    if (size > UNIT_BYTES) {
      for (let from = 0; from < size; from += UNIT_BYTES)
        units.push([{ file, path, from, to: Math.min(size, from + UNIT_BYTES) }]);
      return;
    }
    small.push({ file, path, from: 0, to: size });
    bytes += size;
    if (small.length === UNIT_FILES || bytes >= UNIT_BYTES) flush();
  });
  flush();
  return units;
}

function filesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, size: statSync(path).size }));
}
