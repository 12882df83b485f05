/**
 * Keeps the arrows of the house: which package may import which (ARCHITECTURE.md), no circles between files,
 * and no `node:` import in the runtime-neutral part of the repository package. Exits 1 and names each offence.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const MAY_IMPORT = {
  protocol: [],
  kernels: [],
  repository: ['kernels', 'protocol'],
  archive: ['repository', 'kernels', 'protocol'],
  cloud: ['protocol'],
  remote: ['protocol'],
  sandbox: [],
  cli: ['protocol', 'kernels', 'repository', 'archive', 'cloud', 'remote', 'sandbox'],
};

/** Folders of the repository package that know Node: everything else runs in a browser too. */
const NODE_ALLOWED_IN_REPOSITORY = ['src/backends/', 'src/cache/'];

const IMPORT =
  /^\s*(?:import|export)\s+(type\s+)?(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/gm;

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

/** Imports of a file: `static` ones load at once and can make a circle; types and import() cannot. */
function importsOf(path) {
  return [...readFileSync(path, 'utf8').matchAll(IMPORT)].map((match) => ({
    name: match[2] ?? match[3],
    binds: match[2] !== undefined && match[1] === undefined,
  }));
}

const offences = [];
const graph = new Map();
for (const [name, allowed] of Object.entries(MAY_IMPORT)) {
  for (const path of sources(join(root, 'packages', name, 'src'))) {
    const inside = relative(join(root, 'packages', name), path);
    const edges = [];
    for (const { name: target, binds } of importsOf(path)) {
      const ours = /^@hostark\/([^/]+)/.exec(target)?.[1];
      if (ours !== undefined && !allowed.includes(ours))
        offences.push(`packages/${name}/${inside}: ${name} may not import ${ours}`);
      if (
        name === 'repository' &&
        target.startsWith('node:') &&
        !NODE_ALLOWED_IN_REPOSITORY.some((f) => inside.startsWith(f))
      )
        offences.push(`packages/${name}/${inside}: runtime-neutral code may not import ${target}`);
      if (target.startsWith('.')) {
        const file = resolve(dirname(path), target);
        if (relative(join(root, 'packages', name), file).startsWith('..'))
          offences.push(`packages/${name}/${inside}: reaches into another package by path: ${target}`);
        if (binds) edges.push(file);
      }
    }
    graph.set(path, edges);
  }
}

const state = new Map();
function visit(path, trail) {
  if (state.get(path) === 'done') return;
  if (state.get(path) === 'open') {
    const circle = [...trail.slice(trail.indexOf(path)), path].map((file) => relative(root, file));
    offences.push(`circle: ${circle.join(' -> ')}`);
    return;
  }
  state.set(path, 'open');
  for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
  state.set(path, 'done');
}
for (const path of graph.keys()) visit(path, []);

for (const offence of offences) console.error(offence);
if (offences.length > 0) process.exit(1);
