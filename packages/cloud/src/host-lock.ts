/**
 * One run at a time on one host: a lock file in the state directory that names its process. The lock of a process that
 * is gone is taken over.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostarkError } from '@hostark/protocol';
import { checkHostName } from './host-name.ts';
import { isAlive, type ProcessMark, thisProcess } from './liveness.ts';

/** Runs `work` while this process alone works on the host. Throws 'locked' when another one that lives does. */
export async function withHostLock<T>(stateDirectory: string, host: string, work: () => Promise<T>): Promise<T> {
  checkHostName(host);
  const folder = join(stateDirectory, 'locks');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `host-${host}.json`);
  const mine = JSON.stringify({ ...(await thisProcess()), nonce: randomBytes(8).toString('hex') });
  await acquire(file, mine, host);
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function acquire(file: string, mine: string, host: string): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(temporary, mine, { mode: 0o600 });
  try {
    for (;;) {
      try {
        await link(temporary, file); // whole or not at all, and only when there is none
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      await dropDeadLock(file, host);
    }
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Moves the lock of a dead process out of the way; throws 'locked' when its process lives. */
async function dropDeadLock(file: string, host: string): Promise<void> {
  const text = await readIfThere(file);
  if (text === null) return;
  const holder = parse(text);
  if (holder !== null && (await isAlive(holder))) throw busy(host, holder.pid);
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return; // somebody else was faster
    throw error;
  }
  // Between the look and the move another run may have put its own there: it gets it back.
  if ((await readIfThere(aside)) !== text) await link(aside, file).catch(() => {});
  await rm(aside, { force: true });
}

function busy(host: string, pid: number): HostarkError {
  return new HostarkError('locked', `host ${host}: another run works on it, process ${pid} of this machine`, {
    hint: 'wait until it has ended; what it leaves is continued by the same command',
    context: { host, pid },
    retry: 'later',
  });
}

function parse(text: string): ProcessMark | null {
  try {
    const value = JSON.parse(text) as ProcessMark | null;
    return typeof value?.pid === 'number' ? value : null;
  } catch {
    return null;
  }
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
