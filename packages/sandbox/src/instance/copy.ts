/**
 * Copies of volumes, as cp(1) makes them: owners, modes, times, extended attributes, hard links, holes and device
 * files stay; where the file system can share blocks it does. What is mounted below in a machine is not followed: only
 * the machine sees it.
 */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import type { MachineMode } from './machine.ts';
import { findProgram, PROGRAM_PATH } from './programs.ts';
import { removeTree } from './remove.ts';

const execute = promisify(execFile);

/** Copies the content of `source` into the new directory `target`. After a failure nothing is left. */
export async function copyTree(source: string, target: string, mode: MachineMode, durable: boolean): Promise<void> {
  const copy = [required('cp'), '--archive', '--reflink=auto', '--sparse=auto', `${source}/.`, target];
  // In a user namespace the ordinary user is root: it reads files without read permission, as the machine's root does.
  const argv = mode === 'user-namespace' ? [required('unshare'), '--user', '--map-root-user', '--', ...copy] : copy;
  const environment = { cwd: '/', env: { PATH: PROGRAM_PATH, LC_ALL: 'C' } };
  mkdirSync(target, { recursive: true, mode: 0o755 });
  try {
    await execute(argv[0] as string, argv.slice(1), environment);
    if (durable) await execute(required('sync'), ['--file-system', target], environment);
  } catch (error) {
    await removeTree(target);
    throw error;
  }
}

function required(name: string): string {
  const path = findProgram(name);
  if (path === null) throw new Error(`this system has no ${name}`);
  return path;
}
