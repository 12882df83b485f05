/**
 * One durable file: written beside its final name, synced, then renamed; so a reader sees all of it or nothing, and
 * after a power loss it is either there whole or not there. A killed writer leaves `<name>-tmp-<random>` and no more.
 */
import { randomBytes } from 'node:crypto';
import { constants, promises as fs } from 'node:fs';
import { dirname } from 'node:path';
import type { Body, Pace } from '../backend.ts';
import { bodyLength, bodyParts } from './body.ts';
import { errnoOf } from './local-errors.ts';

export interface WriteOptions {
  /** Mode of the finished file. */
  readonly mode: number;
  /** Fails with EEXIST instead of replacing. */
  readonly exclusive: boolean;
  readonly pace?: Pace | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Writes `body` to `path` as described above. Throws errno errors, or the signal's reason; then nothing is at `path`. */
export async function writeDurably(path: string, body: Body, options: WriteOptions): Promise<void> {
  const temporary = `${path}-tmp-${randomBytes(5).toString('hex')}`;
  const file = await fs.open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    try {
      await writeAll(file, body, options);
      // Before the rename, so that the object is never writable under its final name. Not every file system has modes.
      await file.chmod(options.mode).catch(() => {});
      await syncFile(file);
    } finally {
      await file.close();
    }
    options.signal?.throwIfAborted();
    if (options.exclusive) await publishExclusively(temporary, path);
    else await fs.rename(temporary, path);
  } catch (error) {
    await fs.unlink(temporary).catch(() => {});
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes the names in a folder durable. File systems that cannot sync a folder are taken at their word. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await syncFile(directory);
  } finally {
    await directory.close();
  }
}

/** One write call carries at most this much, so that an abort is seen soon. */
const WRITE_STEP = 32 * 1024 * 1024;

async function writeAll(file: fs.FileHandle, body: Body, { pace, signal }: WriteOptions): Promise<void> {
  const step = Math.min(WRITE_STEP, pace?.pieceBytes ?? WRITE_STEP);
  let position = 0;
  for (const part of bodyParts(body)) {
    for (let from = 0; from < part.length; ) {
      signal?.throwIfAborted();
      const length = Math.min(step, part.length - from);
      await pace?.take(length);
      const { bytesWritten } = await file.write(part, from, length, position);
      from += bytesWritten;
      position += bytesWritten;
    }
  }
  const length = bodyLength(body);
  if (position !== length) throw new Error(`wrote ${position} of ${length} bytes`);
}

/** Makes the bytes of a file durable. */
export async function syncFile(file: fs.FileHandle): Promise<void> {
  try {
    await file.sync();
  } catch (error) {
    // "Not supported" is no failure to store: restic ignores it as well (network and FUSE mounts).
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EBADF'].includes(errnoOf(error))) throw error;
  }
}

/** Gives the temporary file its final name unless that is taken. A hard link is the only atomic way to say so. */
async function publishExclusively(temporary: string, path: string): Promise<void> {
  try {
    await fs.link(temporary, path);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoOf(error))) throw error;
    // No hard links here (FAT, some network mounts): look first, then rename; a race of two inits remains.
    if (
      await fs.stat(path).then(
        () => true,
        () => false,
      )
    ) {
      throw Object.assign(new Error(`EEXIST: ${path}`), { code: 'EEXIST' });
    }
    return fs.rename(temporary, path);
  }
  await fs.unlink(temporary);
}
