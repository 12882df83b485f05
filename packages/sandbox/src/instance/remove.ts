/**
 * Removal of a machine's directory. Entries are taken by their raw bytes, links are removed and never
 * followed, and nothing is touched while anything is mounted below.
 */
import { chmodSync, lstatSync, readdirSync, readFileSync, realpathSync, rmdirSync, unlinkSync } from 'node:fs';

/** Entries removed between two turns of the event loop. */
const TURN = 500;

/** Removes a directory tree. A missing one is fine. Throws when something is mounted inside it. */
export async function removeTree(directory: string): Promise<void> {
  let real: string;
  try {
    if (!lstatSync(directory).isDirectory())
      throw new Error(`expected a directory to remove, found a file: ${directory}`);
    real = realpathSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const mounted = mountsBelow(real);
  if (mounted.length > 0) throw new Error(`${directory} is not removed: ${mounted[0]} is still mounted`);
  let done = 0;
  for (const _ of removal(Buffer.from(real))) {
    if (++done % TURN === 0) await new Promise(setImmediate);
  }
}

/** Mount points of this process's namespace at or below a real path. */
function mountsBelow(path: string): string[] {
  let table: string;
  try {
    table = readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return [];
  }
  return table
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((point) =>
      point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
    .filter((point) => point === path || point.startsWith(`${path}/`));
}

const SLASH = Buffer.from('/');

function* removal(path: Buffer): Generator<void> {
  if (!lstatSync(path).isDirectory()) {
    unlinkSync(path);
    yield;
    return;
  }
  for (const name of entries(path)) yield* removal(Buffer.concat([path, SLASH, name]));
  rmdirSync(path);
  yield;
}

function entries(path: Buffer): Buffer[] {
  try {
    chmodSync(path, 0o700); // a folder without write permission keeps its entries
    return readdirSync(path, { encoding: 'buffer' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return readdirSync(path, { encoding: 'buffer' });
    throw error;
  }
}
