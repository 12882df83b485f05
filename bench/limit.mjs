/**
 * The machine's own bound: the same data through the same primitives, on all cores, with nothing in between. Two SHA-256,
 * one AES and one MAC pass, zstd where the engine would compress, one read and one write, and packs stored as the engine
 * stores them (synced, or sent to the bucket) while the next ones are made. For backups that find a parent: what the system says of each entry.
 * No chunk scan, no metadata, no trees, no index, no lock; and apart from that, what every run pays before: Node and the key.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A bound is the best that was seen. */
const ROUNDS = 3;
/** What a thread takes at once: a stretch of a large file, or some small files. */
const UNIT_BYTES = 8 << 20;
const UNIT_FILES = 64;
/** What reads the packs of a backup comes after it. */
const STEPS = ['backup', 'unchanged', 'changed', 'check', 'restore'];

/**
 * Returns wall seconds of each of `steps` that has a bound, with the files below `data`, and `start`: those of Node and of the key. What is
 * written stays in `scratch`, which is new. `bucket`: where packs go instead, an S3 location, and the environment to reach it.
 */
export async function limits(data, scratch, steps, bucket) {
  const kernels = await bundle();
  const entries = entriesBelow(data);
  const files = entries.filter(({ isFile }) => isFile);
  const common = { units: unitsOf(files), folders: [...new Set(entries.map(({ folder }) => folder))], kernels };
  const seconds = {};
  for (let round = 0; round < ROUNDS; round++) {
    const place = join(scratch, String(round));
    for (let folder = 0; folder <= files.length >> 8; folder++)
      mkdirSync(join(place, `out-${folder}`), { recursive: true });
    const location = bucket && `${bucket.location}-${round}`;
    for (const step of STEPS.filter((name) => name === 'backup' || steps.includes(name))) {
      execFileSync('sync');
      const environment = bucket?.environment ?? {};
      const took = await onAllCores({ ...common, step, scratch: place, location }, environment);
      seconds[step] = Math.min(seconds[step] ?? Number.POSITIVE_INFINITY, took);
    }
  }
  const start = await startAndKey(kernels);
  rmSync(kernels);
  return { ...seconds, start };
}

/** The kernels, the engine's own decision what to compress, the cost of its keys, and the way to a bucket, as one module. */
async function bundle() {
  const outfile = join(root, 'packages/kernels/dist/limit.mjs');
  await build({
    stdin: {
      contents: `export * from '@hostark/kernels';
        export { CompressionProbe } from './packages/archive/src/pool/compressible.ts';
        export { DERIVED_BYTES, KEY_COST } from './packages/repository/src/keys/password.ts';
        export { s3Backend } from './packages/repository/src/backends/s3/backend.ts';`,
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

/** Seconds that Node takes to start and to end, and those of a key. */
async function startAndKey(kernels) {
  const { beginToDerive, KEY_COST, DERIVED_BYTES } = await import(pathToFileURL(kernels).href);
  const [password, salt] = [Buffer.from('bench'), Buffer.alloc(64, 1)];
  const { n, r, p } = KEY_COST;
  let [node, key] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < 2 * ROUNDS; round++) {
    const started = performance.now();
    execFileSync(process.execPath, ['-e', '0']);
    const begun = performance.now();
    await beginToDerive([password, salt, n, r, p, DERIVED_BYTES], 'more').key;
    node = Math.min(node, begun - started);
    key = Math.min(key, performance.now() - begun);
  }
  return (node + key) / 1000;
}

/** What threads take by turns; what counts is the time from "go" until the last one is done. */
async function onAllCores(workerData, environment) {
  const shared = new SharedArrayBuffer(8);
  const url = new URL('./limit-worker.mjs', import.meta.url);
  const workers = Array.from({ length: availableParallelism() }, (_, thread) => {
    const env = { ...process.env, ...environment };
    return new Worker(url, { workerData: { ...workerData, shared, thread }, env, trackUnmanagedFds: false });
  });
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

function unitsOf(files) {
  const units = [];
  let small = [];
  let bytes = 0;
  const flush = () => {
    if (small.length > 0) units.push(small);
    small = [];
    bytes = 0;
  };
  files.forEach(({ folder, name }, file) => {
    const path = join(folder, name);
    const { size } = statSync(path);
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

function entriesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).map((entry) => ({
    folder: entry.parentPath,
    name: entry.name,
    isFile: entry.isFile(),
  }));
}
