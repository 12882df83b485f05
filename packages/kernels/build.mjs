/**
 * Compiles assembly/*.ts to WebAssembly and writes src/generated/scan-wasm.ts, one base64 constant per module.
 * Does nothing when that file is newer than its sources. Run as a program or call `buildKernels`.
 */

import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const SOURCES = path.join(ROOT, 'assembly');
const OUTPUT = path.join(ROOT, 'src/generated/scan-wasm.ts');

/** Makes the generated module; returns true when it had to. */
export async function buildKernels() {
  const names = (await readdir(SOURCES)).filter((name) => name.endsWith('.ts')).sort();
  const inputs = [fileURLToPath(import.meta.url), ...names.map((name) => path.join(SOURCES, name))];
  const [made, ...changed] = await Promise.all([OUTPUT, ...inputs].map(modifiedAt));
  if (made > Math.max(...changed)) return false;

  const constants = [];
  for (const name of names) {
    const wasm = await compile(name);
    const title = `${name.replace(/\.ts$/, '').replaceAll('-', '_').toUpperCase()}_WASM`;
    constants.push(`export const ${title}: string =\n  '${Buffer.from(wasm).toString('base64')}';\n`);
  }
  await mkdir(path.dirname(OUTPUT), { recursive: true });
  // Renamed into place, so that a reader never sees half a file.
  const partial = `${OUTPUT}.${process.pid}`;
  await writeFile(
    partial,
    `/** Made by packages/kernels/build.mjs from assembly/*.ts. Do not edit. */\n\n${constants.join('\n')}`,
  );
  await rename(partial, OUTPUT);
  return true;
}

async function compile(name) {
  const { main } = await import('assemblyscript/asc');
  let wasm;
  const text = [];
  const sink = { write: (part) => text.push(String(part)) > 0 };
  const simd = name.includes('simd') ? ['--enable', 'simd'] : ['--disable', 'simd'];
  const { error } = await main(
    // -O3 without bounds of an allocator: the modules keep to raw loads and stores.
    [name, '--outFile', 'out.wasm', '-O3', '--converge', '--noAssert', '--runtime', 'stub', ...simd],
    {
      stdout: sink,
      stderr: sink,
      readFile: (file) => (file === name ? readFile(path.join(SOURCES, file), 'utf8') : null),
      writeFile: (file, content) => {
        if (file === 'out.wasm') wasm = content;
      },
      listFiles: () => [],
    },
  );
  if (error || !wasm) throw new Error(`cannot compile ${name}: ${error?.message ?? 'no output'}\n${text.join('')}`);
  return wasm;
}

async function modifiedAt(file) {
  return stat(file).then(
    (found) => found.mtimeMs,
    () => Number.NEGATIVE_INFINITY,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildKernels();
