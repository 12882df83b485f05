import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { nodePlatform } from '../src/index.ts';
import type { WorkerJob, WorkerResult } from './worker-body.ts';

/** Bundles the worker for this Node, which does not run TypeScript. Packages with binaries stay outside. */
async function workerSource(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path.join(import.meta.dirname, 'worker-body.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    define: { 'import.meta.url': JSON.stringify(import.meta.url) },
    external: ['koffi', '@toondepauw/node-zstd'],
  });
  return outputFiles[0]!.text;
}

async function run(source: string, job: WorkerJob): Promise<WorkerResult> {
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData: job });
  try {
    const [result] = await Promise.race([
      once(worker, 'message'),
      once(worker, 'exit').then(([code]) => Promise.reject(new Error(`worker left with ${code}`))),
    ]);
    return result;
  } finally {
    await worker.terminate();
  }
}

test.each([true, false])(
  'two workers at once scan, hash, compress, seal and stat in shared memory (native: %s)',
  async (native) => {
    const source = await workerSource();
    const platform = nodePlatform({ native });
    const key = { encrypt: platform.randomBytes(32), macK: platform.randomBytes(16), macR: platform.randomBytes(16) };
    const size = 700_000;
    const jobs = [1, 2].map((seed) => ({ native, seed, size, key, sealed: new SharedArrayBuffer(size * 2) }));
    const results = await Promise.all(jobs.map((job) => run(source, job)));
    results.forEach((result, i) => {
      const box = new Uint8Array(jobs[i]!.sealed, 0, result.sealedBytes);
      const compressed = new Uint8Array(box.length - 32);
      expect(platform.sealer(key).open(box, compressed)).toBe(true);
      const plain = platform.zstdDecompress(compressed, size);
      expect(plain).toHaveLength(size);
      expect(Buffer.from(platform.sha256(plain)).toString('hex')).toBe(result.sha256);
      expect(result.chunkEnds.at(-1)).toBe(size);
      expect(result.rootInode).toBeGreaterThan(0n);
      expect(result.nativePosix).toBe(native && process.platform === 'linux');
    });
    expect(results[0]!.sha256).not.toBe(results[1]!.sha256);
  },
);
