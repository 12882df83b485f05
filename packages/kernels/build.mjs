/**
 * Compiles the modules of assembly/ to WebAssembly and writes src/generated/wasm.ts, one base64 constant each; assembles those
 * of machine/ for x86-64 into src/generated/machine.ts. Does nothing for a file that is newer than its sources. Run as a
 * program or call `buildKernels`.
 */

import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const SOURCES = path.join(ROOT, 'assembly');
const MACHINE = path.join(ROOT, 'machine');
const GENERATED = path.join(ROOT, 'src/generated');

/** Constant, source and WebAssembly features of each module. */
const MODULES = [
  { constant: 'SCALAR_WASM', entry: 'scan.ts', features: [] },
  { constant: 'SIMD_WASM', entry: 'scan-simd.ts', features: ['simd'] },
  { constant: 'RELAXED_SIMD_WASM', entry: 'scan-simd.ts', features: ['simd', 'relaxed-simd'] },
  { constant: 'SCRYPT_WASM', entry: 'scrypt.ts', features: ['simd'] },
  { constant: 'INDEX_BLOBS_WASM', entry: 'index-blobs.ts', features: [] },
  { constant: 'TREES_WASM', entry: 'tree-slice.ts', features: [] },
];

/** Constant, source, the function that assembles it, and what for. */
const MACHINE_CODE = [
  { constant: 'AES_CTR_1_X64', entry: 'aes-ctr.ts', assemble: 'assembleAesCtr', of: 16 },
  { constant: 'AES_CTR_2_X64', entry: 'aes-ctr.ts', assemble: 'assembleAesCtr', of: 32 },
  { constant: 'AES_CTR_4_X64', entry: 'aes-ctr.ts', assemble: 'assembleAesCtr', of: 64 },
  { constant: 'CALLS_X64', entry: 'calls.ts', assemble: 'assembleCalls' },
  { constant: 'SCAN_GFNI_X64', entry: 'scan-gfni.ts', assemble: 'assembleScanGfni' },
  { constant: 'SCAN_NIBBLES_X64', entry: 'scan-nibbles.ts', assemble: 'assembleScanNibbles' },
  { constant: 'SCRYPT_AVX2_X64', entry: 'scrypt.ts', assemble: 'assembleScrypt', of: 32 },
  { constant: 'SCRYPT_AVX512_X64', entry: 'scrypt.ts', assemble: 'assembleScrypt', of: 64 },
  { constant: 'SHA256_X64', entry: 'sha256.ts', assemble: 'assembleSha256' },
];

/** Makes the generated modules where their sources have changed. */
export async function buildKernels() {
  await generate('wasm.ts', SOURCES, async () => {
    const constants = [];
    for (const { constant, entry, features } of MODULES) {
      const wasm = await compile(entry, features);
      constants.push(`export const ${constant}: string =\n  '${Buffer.from(wasm).toString('base64')}';\n`);
    }
    return constants;
  });
  await generate('machine.ts', MACHINE, () => Promise.all(MACHINE_CODE.map(assemble)));
}

/** Writes a generated module from its constants, unless it is newer than all that it is made from. */
async function generate(name, sources, make) {
  const output = path.join(GENERATED, name);
  const files = (await readdir(sources)).filter((file) => file.endsWith('.ts'));
  const inputs = [fileURLToPath(import.meta.url), ...files.map((file) => path.join(sources, file))];
  const [made, ...changed] = await Promise.all([output, ...inputs].map(modifiedAt));
  if (made > Math.max(...changed)) return;
  const constants = await make();
  await mkdir(GENERATED, { recursive: true });
  // Renamed into place, so that a reader never sees half a file.
  const partial = `${output}.${process.pid}`;
  const charter = `/** Made by packages/kernels/build.mjs from ${path.basename(sources)}/. Do not edit. */`;
  await writeFile(partial, `${charter}\n\n${constants.join('\n')}`);
  await rename(partial, output);
}

async function assemble({ constant, entry, assemble: name, of }) {
  const bundle = { bundle: true, write: false, format: 'esm', platform: 'neutral', logLevel: 'warning' };
  const { outputFiles } = await build({ ...bundle, entryPoints: [path.join(MACHINE, entry)] });
  const module = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
  const { code, entries } = module[name](of);
  const fields = Object.entries(entries).map(([key, at]) => `${key}: ${at}`);
  const type = `{ code: string; entries: { ${Object.keys(entries)
    .map((key) => `${key}: number`)
    .join('; ')} } }`;
  return `export const ${constant}: ${type} = {\n  entries: { ${fields.join(', ')} },\n  code: '${Buffer.from(code).toString('base64')}',\n};\n`;
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
