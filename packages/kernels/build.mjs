/**
 * Compiles the modules of assembly/ to WebAssembly and writes src/generated/wasm.ts, one base64 constant each.
 * Does nothing when that file is newer than its sources. Run as a program or call `buildKernels`.
 */

import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const SOURCES = path.join(ROOT, 'assembly');
const OUTPUT = path.join(ROOT, 'src/generated/wasm.ts');

/** Constant, source and WebAssembly features of each module. */
const MODULES = [
  { constant: 'SCALAR_WASM', entry: 'scan.ts', features: [] },
  { constant: 'SIMD_WASM', entry: 'scan-simd.ts', features: ['simd'] },
  { constant: 'RELAXED_SIMD_WASM', entry: 'scan-simd.ts', features: ['simd', 'relaxed-simd'] },
  { constant: 'SCRYPT_WASM', entry: 'scrypt.ts', features: ['simd'] },
  { constant: 'TREES_WASM', entry: 'tree-slice.ts', features: [] },
];

/** Makes the generated module; returns true when it had to. */
export async function buildKernels() {
  const sources = (await readdir(SOURCES)).filter((name) => name.endsWith('.ts'));
  const inputs = [fileURLToPath(import.meta.url), ...sources.map((name) => path.join(SOURCES, name))];
  const [made, ...changed] = await Promise.all([OUTPUT, ...inputs].map(modifiedAt));
  if (made > Math.max(...changed)) return false;

  const constants = [];
  for (const { constant, entry, features } of MODULES) {
    const wasm = await compile(entry, features);
    constants.push(`export const ${constant}: string =\n  '${Buffer.from(wasm).toString('base64')}';\n`);
  }
  await mkdir(path.dirname(OUTPUT), { recursive: true });
  // Renamed into place, so that a reader never sees half a file.
  const partial = `${OUTPUT}.${process.pid}`;
  const charter = '/** Made by packages/kernels/build.mjs from assembly/. Do not edit. */';
  await writeFile(partial, `${charter}\n\n${constants.join('\n')}`);
  await rename(partial, OUTPUT);
  return true;
}

async function compile(entry, features) {
  const { main } = await import('assemblyscript/asc');
  let wasm;
  const text = [];
  const sink = { write: (part) => text.push(String(part)) > 0 };
  const enabled = features.flatMap((feature) => ['--enable', feature]);
  const { error } = await main(
    // No runtime: the modules keep to raw loads and stores.
    [entry, '--outFile', 'out.wasm', '-O3', '--converge', '--noAssert', '--runtime', 'stub', ...enabled],
    {
      stdout: sink,
      stderr: sink,
      readFile: (file) => readFile(path.join(SOURCES, file), 'utf8').catch(() => null),
      writeFile: (file, content) => {
        if (file === 'out.wasm') wasm = content;
      },
      listFiles: () => [],
    },
  );
  if (error || !wasm) throw new Error(`cannot compile ${entry}: ${error?.message ?? 'no output'}\n${text.join('')}`);
  return wasm;
}

async function modifiedAt(file) {
  return stat(file).then(
    (found) => found.mtimeMs,
    () => Number.NEGATIVE_INFINITY,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildKernels();
