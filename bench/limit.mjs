/**
 * The machine's own bound: the same data through the same primitives, on all cores, with nothing in between. Two SHA-256,
 * one AES and one MAC pass, zstd where it gains, one read and one write. No chunk scan, no trees, no index, no lock, no key.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Returns wall seconds for a backup, a check that reads everything, and a restore of the files below `data`. */
export async function limits(data, scratch) {
  const kernels = join(root, 'packages/kernels/dist/limit.mjs');
  await build({
    entryPoints: [join(root, 'packages/kernels/src/index.ts')],
    outfile: kernels,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi', '@toondepauw/*'],
    banner: { js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);" },
    logLevel: 'error',
  });
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const files = filesBelow(data);
  const seconds = {};
  for (const step of ['backup', 'check', 'restore'])
    seconds[step] = await onAllCores({ step, files, scratch, kernels });
  rmSync(scratch, { recursive: true, force: true });
  rmSync(kernels);
  return seconds;
}

/** Threads take files by turns; what counts is the time from "go" to the end of the last one. */
async function onAllCores(workerData) {
  const shared = new SharedArrayBuffer(8);
  const url = new URL('./limit-worker.mjs', import.meta.url);
  const workers = Array.from(
    { length: availableParallelism() },
    (_, thread) => new Worker(url, { workerData: { ...workerData, shared, thread } }),
  );
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
  const started = performance.now();
  const ended = Promise.all(
    workers.map(
      (worker) =>
        new Promise((resolve, reject) => {
          worker.once('exit', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  for (const worker of workers) worker.postMessage('go');
  await ended;
  return (performance.now() - started) / 1000;
}

function filesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, size: statSync(path).size }));
}
