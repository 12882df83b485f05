/**
 * The folder that the demo works in. It is removed again in whole or in part, so it must be the demo's own: a new one,
 * or one that is empty.
 */
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { makeFolders } from '@hostark/kernels';
import { HostarkError } from '@hostark/protocol';

/** Returns an absolute path. Throws 'target-unusable' for a folder that holds anything, or that cannot be made. */
export async function makeFolder(wanted: string | undefined): Promise<string> {
  if (wanted === undefined) return mkdtemp(join(tmpdir(), 'hostark-demo-'));
  const directory = resolve(wanted);
  const [first] = await contentsOf(directory).catch((cause: NodeJS.ErrnoException) => {
    throw new HostarkError('target-unusable', `--directory: cannot use ${wanted}: ${cause.code ?? cause.message}`, {
      hint: 'name a folder that you may write to',
      cause,
    });
  });
  if (first === undefined) return directory;
  throw new HostarkError('target-unusable', `--directory: expected an empty folder, found ${first} in ${wanted}`, {
    hint: 'name a new folder: the demo removes what it has made there',
  });
}

/** Makes the folder if it is missing. */
async function contentsOf(directory: string): Promise<string[]> {
  makeFolders(directory, 0o700);
  return readdir(directory);
}
