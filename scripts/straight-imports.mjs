/**
 * Has a bundle import what it needs from the module that defines it, instead of the index of its package. esbuild puts all that
 * an index leads to into one chunk as soon as it is imported, and each command would load what all of them need.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** import { a, type B, c as d } from '@hostark/kernels'; and the same with export. */
const FROM_PACKAGE = /^(import|export) (type )?\{([^}]*)\} from '@hostark\/([a-z]+)';/gm;
const FROM_FILE = /^export (type )?\{([^}]*)\} from '(\.[^']+)';/gm;
const ALL_FROM_FILE = /^export \* from '(\.[^']+)';/gm;
const DECLARED = /^export (?:async |abstract )*(?:function\*?|class|const|let) (\w+)/gm;

/** `packages`: the folder in which the packages lie. */
export function straightImports(packages) {
  const indexes = new Map();
  for (const name of readdirSync(packages)) {
    const index = join(packages, name, 'src/index.ts');
    if (existsSync(index)) indexes.set(name, exportsOf(index));
  }
  const straight = (statement, verb, type, names, name) => {
    if (type !== undefined) return '';
    const found = values(names).map((specifier) => ({ ...specifier, file: indexes.get(name)?.get(specifier.name) }));
    // What cannot be found is not guessed: then it is the index.
    if (found.some(({ file }) => file === undefined)) return statement;
    return found.map(({ file, text }) => `${verb} { ${text} } from ${JSON.stringify(file)};`).join(' ');
  };
  return {
    name: 'straight-imports',
    setup({ onLoad }) {
      onLoad({ filter: /\/packages\/[a-z]+\/src\/.*\.ts$/ }, ({ path }) => ({
        contents: readFileSync(path, 'utf8').replace(FROM_PACKAGE, straight),
        loader: 'ts',
      }));
    },
  };
}

/** Returns the file that defines each value which a module exports. */
function exportsOf(file) {
  const text = readFileSync(file, 'utf8');
  const found = new Map([...text.matchAll(DECLARED)].map(([, name]) => [name, file]));
  for (const [, type, names, from] of text.matchAll(FROM_FILE)) {
    if (type !== undefined) continue;
    for (const { name, as } of values(names)) if (name === as) found.set(name, join(dirname(file), from));
  }
  for (const [, from] of text.matchAll(ALL_FROM_FILE)) {
    for (const [name, defined] of exportsOf(join(dirname(file), from))) found.set(name, defined);
  }
  return found;
}

/** What a list of specifiers names, types left out. */
function values(names) {
  const specifiers = names.split(',').map((text) => text.trim());
  return specifiers
    .filter((text) => text !== '' && !text.startsWith('type '))
    .map((text) => {
      const [name, as = name] = text.split(/\s+as\s+/);
      return { name, as, text };
    });
}
