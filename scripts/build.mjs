/**
 * Builds what runs: the scan kernel (AssemblyScript to WASM), the worker bundles of the archive package (used by
 * tests that run from source) and the command's bundle in packages/cli/dist (also what an agent carries to a host).
 * Needs only the npm packages of this workspace. Prints nothing unless something is wrong; safe to run twice at once.
 */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { practise } from './practice.mjs';
import { straightImports } from './straight-imports.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const workers = {
  worker: join(root, 'packages/archive/src/pool/worker.ts'),
  'restore-worker': join(root, 'packages/archive/src/restore/worker.ts'),
  'verify-worker': join(root, 'packages/archive/src/verify/worker.ts'),
};

/** Native packages stay outside: their binaries are found beside the bundle through node_modules. */
const external = ['koffi', '@toondepauw/*', 'cpu-features', '*.node'];

/** Commander can start other programs as commands; ours does not, and node:child_process takes 3 ms. */
const noPrograms = {
  name: 'no-programs',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/node_modules/commander/') ? { path: 'none', namespace: 'no-programs' } : undefined,
    );
    onLoad({ filter: /^/, namespace: 'no-programs' }, () => ({ contents: 'module.exports = {};' }));
  },
};

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  // The AWS SDK ships ES modules beside CommonJS: they load faster and keep their named exports under import().
  mainFields: ['module', 'main'],
  format: 'esm',
  external,
  plugins: [noPrograms],
  legalComments: 'none',
  logLevel: 'warning',
  // CommonJS packages inside an ES module bundle ask for `require` and `__dirname`.
  banner: {
    js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url), __dirname = import.meta.dirname;",
  },
  // ssh2's optional native crypto is not shipped; it has its own fallback.
  logOverride: { 'require-resolve-not-external': 'silent' },
};

const inCommonJs = "'use strict'; const __url = require('node:url').pathToFileURL(__filename).href;";

/** CommonJS, which Node loads 7 ms sooner than an ES module, in each thread; and all ASCII, as load-bundle.ts expects. */
const inOneFile = { format: 'cjs', define: { 'import.meta.url': '__url' }, banner: { js: inCommonJs } };

/**
 * What V8 has kept of a script does not say who loads modules for it (Node 20): it has to ask for them as CommonJS does. The text stays
 * in memory, comments and all; wrapped here and not when it is loaded, it is there once.
 */
const learning = {
  supported: { 'dynamic-import': false },
  minifyWhitespace: true,
  banner: { js: `(function (exports, require, module, __filename, __dirname) { ${inCommonJs}` },
  footer: { js: '})' },
};

/**
 * Bundles into a fresh folder and swaps it in, so that a reader never sees half a build. `program`: the program in chunks, all that
 * commands on a repository need of it in one file but for what stays `apart`, and the file that starts either.
 */
async function bundle(outdir, program = null) {
  const fresh = `${outdir}.${process.pid}.tmp`;
  await mkdir(dirname(outdir), { recursive: true });
  await mkdir(fresh, { recursive: true });
  for (const [name, path] of Object.entries(workers)) if (existsSync(path)) await bundleWorker(name, path, fresh);
  if (program !== null) {
    const plugins = [...common.plugins, straightImports(join(root, 'packages'))];
    const { start, chunks, repository, apart } = program;
    await build({ ...common, plugins, splitting: true, entryPoints: chunks, outdir: fresh });
    const one = { ...common, ...inOneFile, plugins };
    await build({
      ...one,
      plugins: [...plugins, outside(chunks, 'js')],
      entryPoints: [start],
      outfile: join(fresh, 'main.cjs'),
    });
    await build({ ...one, entryPoints: apart, outdir: fresh, outExtension: { '.js': '.cjs' } });
    const learnt = { ...one, ...learning, plugins: [...plugins, outside(apart, 'cjs')] };
    await build({ ...learnt, entryPoints: [repository], outfile: join(fresh, 'repository.code.cjs') });
    await practise(fresh, join(root, 'packages')).catch((error) => {
      process.stderr.write(`hostark: the build could not practise, commands will start slower: ${error.message}\n`);
    });
  }
  const old = `${outdir}.${process.pid}.old`;
  if (existsSync(outdir)) await rename(outdir, old).catch(() => {});
  await rename(fresh, outdir);
  await rm(old, { recursive: true, force: true });
}

/** Leaves to Node what `entries` names, and commands that are about no repository: those are run from chunks. */
function outside(entries, extension) {
  const entry = (path) => Object.keys(entries).find((name) => entries[name] === path);
  return {
    name: 'outside',
    setup({ onResolve }) {
      onResolve({ filter: /^\.{1,2}\// }, ({ path, kind, importer, resolveDir }) => {
        const name = entry(join(resolveDir, path));
        if (name !== undefined && isLater(kind)) return { path: `./${name}.${extension}`, external: true };
        const isElsewhere = isLater(kind) && /\/cli\/src\/tree\/(?!repository\.ts)/.test(importer);
        return isElsewhere ? { path: './not-a-repository-command.js', external: true } : undefined;
      });
    },
  };
}

/**
 * Bundles a worker into one file with what it needs and nothing else, and a file that loads it: a thread that loads the chunks of
 * the command takes 5 MB more. What an import() might reach stays outside, also where nobody uses the import(): esbuild would keep all of
 * it, 830 KB of 950. Throws if the worker does load something later.
 */
async function bundleWorker(name, path, outdir) {
  const options = { ...common, ...inOneFile, ...learning, plugins: [nothingLater], metafile: true };
  const outfile = join(outdir, `${name}.code.cjs`);
  const { metafile } = await build({ ...options, entryPoints: [path], outfile });
  const later = Object.values(metafile.outputs).flatMap(({ imports }) => imports.filter(({ kind }) => isLater(kind)));
  if (later.length > 0) throw new Error(`${path}: expected a worker in one file, it imports ${later[0].path}`);
  const load = join(root, 'packages/archive/src/threads/load-bundle.ts');
  const contents = `import { loadBundle } from ${JSON.stringify(load)}; loadBundle('${name}').run();`;
  await build({ ...common, ...inOneFile, stdin: { contents, resolveDir: root }, outfile: join(outdir, `${name}.cjs`) });
}

const isLater = (kind) => kind === 'dynamic-import';

const nothingLater = {
  name: 'nothing-later',
  setup({ onResolve }) {
    onResolve({ filter: /^/ }, ({ kind, path }) => (isLater(kind) ? { path, external: true } : undefined));
  },
};

export async function buildAll() {
  const kernels = join(root, 'packages/kernels/build.mjs');
  if (existsSync(kernels)) await (await import(pathToFileURL(kernels).href)).buildKernels();
  await bundle(join(root, 'packages/archive/dist'));
  const cli = join(root, 'packages/cli/src');
  const run = join(cli, 'run.ts');
  const providerChain = join(root, 'packages/repository/src/backends/s3/provider-chain.ts');
  await bundle(join(root, 'packages/cli/dist'), {
    start: join(cli, 'main.ts'),
    chunks: { run },
    repository: run,
    apart: { 'provider-chain': providerChain },
  });
  // Node's version: what was learnt is for this one.
  const mark = { type: 'module', node: process.version };
  await writeFile(join(root, 'packages/cli/dist/package.json'), `${JSON.stringify(mark)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAll();
