/** Files of a download: they appear whole, with their bytes on disk, or not at all. */
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { HostarkError } from '@hostark/protocol';
import { LAYOUT_NAMES, layoutFolders } from './download-layout.ts';

/** Makes the folders, and removes half files of an earlier run. Throws 'target-unusable' for a folder with other things in it. */
export async function prepareFolder(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw diskError(directory, error);
  });
  await expectOwnFolder(directory);
  await removeHalves(directory);
  const folders = layoutFolders();
  for (const folder of folders.filter((path) => !path.includes('/'))) await makeFolder(join(directory, folder));
  await Promise.all(folders.filter((path) => path.includes('/')).map((path) => makeFolder(join(directory, path))));
}

/**
 * Says before anything is fetched that a folder cannot be used; creates nothing. Returns the free bytes of its disk.
 * Throws 'target-unusable'.
 */
export async function inspectFolder(directory: string): Promise<number> {
  try {
    const there = await nearestExisting(resolve(directory));
    await access(there, constants.W_OK | constants.X_OK);
    if (there === resolve(directory)) await expectOwnFolder(directory);
    const { bavail, bsize } = await statfs(there);
    return bavail * bsize;
  } catch (error) {
    throw diskError(directory, error);
  }
}

/** Throws 'disk-full' when so many bytes have no room: better now than after hours. */
export async function expectRoom(directory: string, bytes: number): Promise<void> {
  const free = await inspectFolder(directory);
  if (bytes <= free) return;
  throw new HostarkError('disk-full', `${directory}: expected room for ${bytes} bytes, the disk has ${free} free`, {
    hint: 'name a folder on a larger disk, or fetch what one snapshot needs with --snapshot ID',
    context: { path: directory, needed: bytes, free },
  });
}

async function nearestExisting(path: string): Promise<string> {
  try {
    if ((await stat(path)).isDirectory()) return path;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return nearestExisting(dirname(path));
  }
  throw Object.assign(new Error(`${path} is not a folder`), { code: 'ENOTDIR' });
}

async function expectOwnFolder(directory: string): Promise<void> {
  const strangers = (await readdir(directory)).filter((name) => !LAYOUT_NAMES.has(name) && !isHalf(name));
  if (strangers.length === 0) return;
  throw new HostarkError(
    'target-unusable',
    `${directory}: expected an empty folder or a repository, found ${strangers[0]}`,
    { hint: 'name another folder', context: { path: directory } },
  );
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    await removeHalves(path);
  }
}

async function removeHalves(path: string): Promise<void> {
  for (const name of await readdir(path)) if (isHalf(name)) await rm(join(path, name), { force: true });
}

function isHalf(name: string): boolean {
  return name.includes('-tmp-');
}

/** Size of a file; -1 when there is none. */
export async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return -1;
  }
}

export async function readOrNull(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Writes the stream to a temporary file, and gives it its name when `accept` likes its SHA-256. Resolves with the bytes written. */
export async function writeWhole(
  path: string,
  body: AsyncIterable<Uint8Array>,
  accept: (sha256: string, bytes: number) => void,
): Promise<number> {
  const temporary = `${path}-tmp-${randomBytes(6).toString('hex')}`;
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      for await (const chunk of body) {
        hash.update(chunk);
        for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
        bytes += chunk.length;
      }
      accept(hash.digest('hex'), bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(temporary, 0o400); // restic's repositories hold read-only files
    await rename(temporary, path);
    return bytes;
  } catch (error) {
    await rm(temporary, { force: true });
    throw diskError(path, error);
  }
}

function diskError(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new HostarkError('disk-full', `${path}: no room on the disk`, {
      hint: 'make room and run it again: it continues where it stopped',
      cause: error,
    });
  }
  if (LOCAL.has(code ?? '')) {
    return new HostarkError('target-unusable', `${path}: cannot write there: ${code}`, {
      hint: 'name a folder that you may write to',
      context: { path },
      cause: error,
    });
  }
  return error;
}

/** What the disk says, and no network: asking the bucket again would not help. */
const LOCAL: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'ENOENT', 'EFBIG', 'EIO']);

/** Makes the names in folders durable. */
export async function syncFolders(paths: Iterable<string>): Promise<void> {
  for (const path of new Set([...paths].map((file) => dirname(file)))) {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}
