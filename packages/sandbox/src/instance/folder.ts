/**
 * Machines without namespaces: a folder serves as home, commands run as the sandbox's own user in this system's
 * root. Every process carries HOSTARK_SANDBOX_MACHINE in its environment, by which all of them are found again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { startFirstProcess } from './first-process.ts';
import { loginArguments, loginEnvironment } from './login.ts';
import type { Machine, MachineCommand, MachineOptions, MachineVolume } from './machine.ts';
import { PROGRAM_PATH } from './programs.ts';
import { FOLDER_INIT } from './scripts.ts';

/** Sweeps for processes that were started while the machine was being ended. */
const SWEEPS = 5;

export async function bootFolder(options: MachineOptions): Promise<Machine> {
  const root = options.volumes[0]?.directory;
  if (root === undefined) throw new RangeError('a machine needs a root volume');
  const mark = `HOSTARK_SANDBOX_MACHINE=${options.id}`;
  const environment = {
    ...options.environment,
    HOSTARK_SANDBOX_MACHINE: options.id,
    SANDBOX_ROOT: root,
    TMPDIR: `${root}/tmp`,
  };
  for (const volume of options.volumes.slice(1)) link(root, volume);
  const machine = await startFirstProcess(
    ['/bin/sh', '-c', FOLDER_INIT, 'init', root],
    { ...environment, PATH: `${root}/opt/sandbox/bin:${PROGRAM_PATH}`, HOME: `${root}/root`, LANG: 'C.UTF-8' },
    options.consoleFile,
    root,
  );
  const kill = (): void => {
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      const pids = marked(mark);
      if (pids.length === 0) break;
      for (const pid of pids) killQuietly(pid);
    }
    killQuietly(machine.pid);
  };
  return {
    id: options.id,
    mode: 'folder',
    pid: machine.pid,
    exited: machine.exited.then(kill),
    spawn: (command: MachineCommand): ChildProcess => {
      const [file, ...args] = loginArguments(command) as [string, ...string[]];
      const env = loginEnvironment(command, environment, root);
      return spawn(file, args, { cwd: root, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    },
    attach: async (volume) => link(root, volume),
    detach: async (mountPath) => {
      unlinkSync(`${root}${mountPath}`);
      return true;
    },
    pause: async () => toAll(mark, machine.pid, 'SIGSTOP'),
    resume: async () => toAll(mark, machine.pid, 'SIGCONT'),
    kill,
  };
}

/** There is nothing to mount with: the volume's place is a link to its directory. */
function link(root: string, { directory, mountPath }: MachineVolume): void {
  const place = `${root}${mountPath}`;
  mkdirSync(dirname(place), { recursive: true });
  const found = lstatSync(place, { throwIfNoEntry: false });
  if (found?.isSymbolicLink()) unlinkSync(place);
  else if (found) rmdirSync(place); // the empty mount point of a machine with namespaces
  symlinkSync(directory, place);
}

/** Signals every process of the machine but its first. */
function toAll(mark: string, first: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of marked(mark)) {
    if (pid === first) continue;
    try {
      process.kill(pid, signal);
    } catch {
      // already gone
    }
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // already gone
  }
}

/** Living processes of this user with `mark` in their environment. */
function marked(mark: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      if (readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark)) found.push(pid);
    } catch {
      // another user's, or gone
    }
  }
  return found;
}
