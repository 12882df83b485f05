/** Runs each command on a repository once, so that scripts/learn.cjs can keep what V8 compiles for it. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const learn = join(dirname(fileURLToPath(import.meta.url)), 'learn.cjs');

/** Several packs, so that threads have something to do. */
const LARGE_BYTES = 64 << 20;

/** `folder`: with the bundles; `data`: what is saved. Throws when a command fails. */
export async function practise(folder, data) {
  const place = await mkdtemp(join(tmpdir(), 'hostark-practice-'));
  const large = join(place, 'large');
  const hostark = (...words) => command(words, folder, data, place);
  try {
    await writeFile(large, randomBytes(LARGE_BYTES));
    await hostark('init');
    await hostark('backup', '.', large, '--exclude', 'dist*', '--exclude', 'test');
    await hostark('backup', '.', large, '--exclude', 'dist*');
    const [first, second] = JSON.parse(await hostark('snapshots', '--json')).map(({ id }) => id);
    await Promise.all([
      hostark('restore', 'latest', '--target', join(place, 'restored')),
      hostark('snapshots'),
      hostark('ls', 'latest'),
      hostark('find', '*.ts'),
      hostark('diff', first, second),
      hostark('dump', 'latest', '/'),
      hostark('cat', 'config'),
      hostark('list', 'blobs'),
    ]);
    await hostark('check', '--read-data');
    await hostark('unlock');
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** Returns what the command printed. */
async function command(words, folder, data, place) {
  const env = {
    PATH: process.env.PATH,
    HOSTARK_PRACTICE: words[0],
    RESTIC_REPOSITORY: join(place, 'repository'),
    RESTIC_PASSWORD: 'practice',
    RESTIC_CACHE_DIR: join(place, 'cache'),
  };
  const options = { cwd: data, env, maxBuffer: 1 << 28, encoding: 'latin1' };
  const { stdout } = await run(process.execPath, ['--require', learn, join(folder, 'main.cjs'), ...words], options);
  return stdout;
}
