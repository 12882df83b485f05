import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';
import { BlobTable } from '../../src/blobs/table.ts';

/** Claims ids in an order of its own while others do the same; answers how many it was told are new. */
const WORKER = `
import { parentPort, workerData } from 'node:worker_threads';
import { createHash } from 'node:crypto';
import { BlobTable } from './src/blobs/table.ts';
const { shared, seed, count, start } = workerData;
const table = BlobTable.attach(shared);
const gate = new Int32Array(start);
Atomics.add(gate, 1, 1);
Atomics.notify(gate, 1);
Atomics.wait(gate, 0, 0);
const mine = [];
let wrong = 0;
for (let i = 0; i < count; i++) {
  // A different walk through the same ids for each worker: steps that are coprime with the count.
  const n = (i * (2 * seed + 1) + seed * 977) % count;
  const id = createHash('sha256').update('blob ' + n).digest();
  if (table.claim('data', id) === 'new') {
    mine.push(n);
    table.publish('data', id, 0, { pack: seed, offset: n, length: 40 + seed, uncompressedLength: 0 });
  }
  if (!table.has('data', id)) wrong++;
  const place = table.lookup('data', id);
  if (place !== null && (place.offset !== n || place.length !== 40 + place.pack)) wrong++;
}
parentPort.postMessage({ mine, wrong });
`;

let code: string;

beforeAll(async () => {
  const built = await build({
    stdin: { contents: WORKER, resolveDir: new URL('../..', import.meta.url).pathname, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    // What the kernels ask of a module; nothing here needs it.
    define: { 'import.meta.url': '"file:///"' },
    write: false,
  });
  code = built.outputFiles[0]!.text;
});

test('of many threads that claim the same blobs while the table grows, exactly one gets each', async () => {
  const table = BlobTable.create();
  const count = 1 << 16;
  const threads = 4;
  const start = new SharedArrayBuffer(8);
  const gate = new Int32Array(start);
  const answers = Array.from({ length: threads }, (_, seed) => {
    const worker = new Worker(code, { eval: true, workerData: { shared: table.share(), seed, count, start } });
    return new Promise<{ mine: number[]; wrong: number }>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  });
  // The starting signal comes when all stand at the line, so that they really contend.
  for (;;) {
    const ready = Atomics.load(gate, 1);
    if (ready === threads) break;
    await Atomics.waitAsync(gate, 1, ready).value;
  }
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  const results = await Promise.all(answers);
  const all = results.flatMap(({ mine }) => mine).sort((a, b) => a - b);
  expect(all).toEqual(Array.from({ length: count }, (_, n) => n));
  expect(results.map(({ wrong }) => wrong)).toEqual([0, 0, 0, 0]);
  let stored = 0;
  table.forEach(() => {
    stored++;
  });
  expect(stored).toBe(count);
}, 60_000);
