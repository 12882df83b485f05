/**
 * Measures every kernel, native and fallback, and prints the table of README.md. Best of many short runs, so that a busy
 * machine disturbs little. Run as `node packages/kernels/bench.mjs`.
 */

import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { buildKernels } from './build.mjs';

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const MiB = 1024 * 1024;
const POLYNOMIAL = 0x3da3358b4dc173n;

await buildKernels();
// Beside the sources, so that packages with binaries are found from it.
const bundle = path.join(ROOT, 'dist', 'bench-kernels.mjs');
await build({
  entryPoints: [path.join(ROOT, 'src/index.ts')],
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
  outfile: bundle,
});
const { createScanner, nodePlatform, posix } = await import(pathToFileURL(bundle));

/** Returns the nanoseconds of the fastest of `runs` calls. */
function fastest(runs, action) {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const start = process.hrtime.bigint();
    action();
    best = Math.min(best, Number(process.hrtime.bigint() - start));
  }
  return best;
}

const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);
const perByte = (ns, bytes) => `${(ns / bytes).toFixed(2)} ns/B`;
const micros = (ns, count = 1) => `${(ns / 1000 / count).toFixed(2)} µs`;

console.log(`Node ${process.version}, ${os.cpus()[0].model}, ${os.cpus().length} cores\n`);
const [native, fallback] = [nodePlatform(), nodePlatform({ native: false })];
row('kernel', 'native', 'fallback');
row('---', '---', '---');

const data = randomBytes(MiB);
const found = new Uint32Array(1000);
for (const variant of ['gfni', 'avx2', 'relaxed-simd', 'simd', 'scalar', 'plain']) {
  let scanner;
  try {
    scanner = createScanner(POLYNOMIAL, MiB, { variant });
  } catch {
    row(`chunk scan, ${variant}`, 'cannot run here', '');
    continue;
  }
  scanner.arena.set(data);
  row(
    `chunk scan, ${variant}`,
    perByte(
      fastest(200, () => scanner.candidates(63, MiB, found)),
      MiB,
    ),
    '',
  );
}

function both(title, runs, show, prepare) {
  const cells = [native, fallback].map((platform) => show(fastest(runs, prepare(platform))));
  row(title, ...cells);
}
const key = { encrypt: randomBytes(32), macK: randomBytes(16), macR: randomBytes(16) };
const text = Buffer.from(
  Array.from({ length: 20_000 }, (_, i) => `${i} GET /page/${(i * 7919) % 1000} 200 ${i % 97} ms\n`).join(''),
);
for (const [size, show] of [
  [MiB, (ns) => perByte(ns, MiB)],
  [100, (ns) => micros(ns)],
]) {
  const runs = size === MiB ? 100 : 5000;
  const name = size === MiB ? '1 MiB' : '100 B';
  const plain = data.subarray(0, size);
  const sealed = new Uint8Array(size + 32);
  both(
    `SHA-256, ${name}`,
    runs,
    show,
    ({ sha256 }) =>
      () =>
        sha256(plain),
  );
  both(
    `SHA-256, two of ${name}, each`,
    runs,
    (ns) => show(ns / 2),
    (platform) => {
      const [first, second] = [platform.sha256Stream(), platform.sha256Stream()];
      const [memory, other] = [platform.memory(plain), platform.memory(new Uint8Array(plain))];
      return () => {
        platform.sha256Both(first, memory, 0, size, second, other, 0, size);
        first.digest();
        second.digest();
      };
    },
  );
  both(`seal, ${name}`, runs, show, (platform) => {
    const sealer = platform.sealer(key);
    return () => sealer.seal(plain, sealed);
  });
  both(`open, ${name}`, runs, show, (platform) => {
    const sealer = platform.sealer(key);
    sealer.seal(plain, sealed);
    return () => sealer.open(sealed, plain);
  });
  for (const [what, content] of [
    ['noise', data],
    ['log text', text],
  ]) {
    const bytes = content.subarray(0, size);
    const showThis = size === MiB ? (ns) => perByte(ns, bytes.length) : show;
    const into = new Uint8Array(bytes.length + bytes.length / 100 + 2048);
    both(`zstd 3, ${name} of ${what}`, runs, showThis, (platform) => () => platform.zstdCompress(bytes, 3, into));
    const frame = fallback.zstdCompress(bytes, 3);
    const unzstd = (platform) => () => platform.zstdDecompress(frame, bytes.length, into);
    both(`unzstd, ${name} of ${what}`, runs, showThis, unzstd);
  }
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'hostark-bench-'));
const calls = [posix(), posix({ native: false })];
const file = Buffer.from(path.join(folder, 'file'));
writeFileSync(file, 'content');
const dir = Buffer.from(folder);
for (let i = 0; i < 1000; i++) writeFileSync(path.join(folder, `some file ${i}`), '');
const { names } = calls[0].readDirectory(dir);
const each = (ns) => micros(ns, names.length);
const call = (title, show, action) =>
  row(title, ...calls.map((system) => show(fastest(show === each ? 60 : 2000, () => action(system)))));
call('readDirectory, an entry', each, (system) => system.readDirectory(dir));
call('lstatBatch, a name', each, (system) => system.lstatBatch(dir, names));
call('listXattrsBatch, a name without', each, (system) => system.listXattrsBatch(dir, names));
call('lstat', micros, (system) => system.lstat(file));
call('listXattrs, none', micros, (system) => system.listXattrs(file));
call('openForRead and close', micros, (system) => closeSync(system.openForRead(file)));
call('setTimes', micros, (system) => system.setTimes(file, 1n, 2n));
call('chmod', micros, (system) => system.chmod(file, 0o644));
rmSync(folder, { recursive: true });
rmSync(bundle);
