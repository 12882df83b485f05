#!/usr/bin/env node
/**
 * The `hostark` command of a checkout: builds the bundle when it is missing or older than the sources (about ten
 * seconds, once), then runs it. An agent on a host starts dist/main.cjs directly.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, '../..');
const stamp = join(here, '../dist/package.json'); // written last by the build
const main = join(here, '../dist/main.cjs');

function newerThan(folder, time) {
  return readdirSync(folder, { withFileTypes: true }).some((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name !== 'generated' && newerThan(path, time);
    return statSync(path).mtimeMs > time;
  });
}

/** Older than the sources, or built with another Node: what the build learnt about that one serves no other. */
function stale() {
  if (!existsSync(stamp)) return true;
  if (JSON.parse(readFileSync(stamp, 'utf8')).node !== process.version) return true;
  const builtAt = statSync(stamp).mtimeMs;
  return readdirSync(packages).some(
    (name) => existsSync(join(packages, name, 'src')) && newerThan(join(packages, name, 'src'), builtAt),
  );
}

const build = join(here, '../../../scripts/build.mjs');
if (existsSync(build) && stale()) {
  if (process.stderr.isTTY) process.stderr.write('hostark: building once...\n');
  await (await import(build)).buildAll();
}
await import(main);
