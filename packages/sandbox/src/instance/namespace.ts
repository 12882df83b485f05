/**
 * Machines in Linux namespaces, made with util-linux: `unshare` boots, `nsenter` enters. Processes have their own
 * root directory, mounts, process ids and host name; the network is this system's loopback.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { startFirstProcess } from './first-process.ts';
import { loginArguments, loginEnvironment } from './login.ts';
import { LOGIN_USERS, type Machine, type MachineCommand, type MachineOptions, type MachineVolume } from './machine.ts';
import { findProgram, PROGRAM_PATH } from './programs.ts';
import { NAMESPACE_BOOT, NAMESPACE_ENTER, NAMESPACE_INIT, VOLUME_ATTACH, VOLUME_DETACH } from './scripts.ts';

const execute = promisify(execFile);

/** Status of umount(8) when it failed, as it does with open files below. */
const UMOUNT_FAILED = 32;

export async function bootNamespace(options: MachineOptions): Promise<Machine> {
  const unshare = required('unshare');
  const nsenter = required('nsenter');
  const ownUsers = options.mode === 'user-namespace';
  const elevate = ownUsers ? null : findProgram('setpriv');
  const [root, ...more] = options.volumes;
  if (root === undefined) throw new RangeError('a machine needs a root volume');
  const machine = await startFirstProcess(
    [
      unshare,
      ...(ownUsers ? ['--user', '--map-root-user'] : []),
      ...['--mount', '--propagation', 'private', '--pid', '--uts', '--ipc', '--fork', '--kill-child'],
      ...['/bin/sh', '-c', NAMESPACE_BOOT, 'boot', root.directory, options.hostname],
      ...more.flatMap(mountArguments),
    ],
    {
      ...options.environment,
      PATH: `/opt/sandbox/bin:${PROGRAM_PATH}`,
      HOME: '/root',
      LANG: 'C.UTF-8',
      MACHINE_ENTER: NAMESPACE_ENTER,
      MACHINE_INIT: NAMESPACE_INIT,
      ...(elevate === null ? {} : { ELEVATE: elevate }),
      ...(ownUsers ? {} : { REAL_ROOT: 'yes' }),
    },
    options.consoleFile,
    '/',
  );
  const enter = [
    ...['--target', String(machine.pid), '--mount', '--uts', '--ipc', '--pid', '--root'],
    ...(ownUsers ? ['--user', '--preserve-credentials'] : []),
  ];
  /** Where the machine was made: `unshare` waits there for its end, with the whole system in sight. */
  const outside = async (script: string, ...args: readonly string[]): Promise<void> => {
    const target = ['--target', String(machine.child.pid), '--mount'];
    const users = ownUsers ? ['--user', '--preserve-credentials'] : [];
    const program = ['/bin/sh', '-c', script, 'volume', root.directory, ...args];
    await execute(nsenter, [...target, ...users, '--', ...program], {
      cwd: '/',
      env: { PATH: PROGRAM_PATH, ...(ownUsers ? {} : { REAL_ROOT: 'yes' }) },
    });
  };
  const enterAs = (command: MachineCommand): ChildProcess => {
    const id = String(LOGIN_USERS[command.user]?.id ?? 0);
    const identity = ownUsers ? [] : ['--setuid', id, '--setgid', id];
    return spawn(nsenter, [...enter, ...identity, '--', ...loginArguments(command)], {
      cwd: '/',
      env: loginEnvironment(command, options.environment, ''),
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  };
  const logins = new Set<ChildProcess>();
  const login = (command: MachineCommand): ChildProcess => {
    const child = enterAs(command);
    logins.add(child);
    child.once('exit', () => logins.delete(child));
    return child;
  };
  let resumeLogins: (() => Promise<void>) | null = null;
  // From within: the kernel sends it to every process of the process-id namespace but the first and the sender.
  const everyone = (name: 'STOP' | 'CONT'): Promise<void> =>
    ended(enterAs({ user: 'root', command: `kill -${name} -1`, terminal: null }));
  return {
    id: options.id,
    mode: options.mode,
    pid: machine.pid,
    exited: machine.exited,
    spawn: login,
    attach: (volume: MachineVolume) => outside(VOLUME_ATTACH, ...mountArguments(volume)),
    detach: async (mountPath, force) => {
      try {
        await outside(VOLUME_DETACH, mountPath, force ? '-l' : '');
        return true;
      } catch (error) {
        if ((error as { code?: unknown }).code === UMOUNT_FAILED) return false;
        throw error;
      }
    },
    pause: async () => {
      resumeLogins ??= pausedLogins([...logins].flatMap((child) => child.pid ?? []));
      await everyone('STOP');
    },
    resume: async () => {
      await everyone('CONT');
      await resumeLogins?.();
      resumeLogins = null;
    },
    kill: () => {
      // The end of process 1 is, by the kernel, the end of its whole process-id namespace; unshare then reports it.
      signal(machine.pid, machine.child);
    },
  };
}

/** Reads a pipe to its end, then lets its arguments, process ids, go on. */
const RESUME = 'read -r _; kill -CONT "$@" 2>/dev/null';

/**
 * Stops these `nsenter` processes; returns what lets them go on. Each waits for its process inside, and when that one
 * is stopped it would stop itself, and not go on with it: so it must not look meanwhile. They are not the machine's
 * and do not end with it, so a process that outlives the sandbox wakes them when the sandbox dies first.
 */
function pausedLogins(pids: readonly number[]): () => Promise<void> {
  if (pids.length === 0) return async () => undefined;
  const waker = spawn('/bin/sh', ['-c', RESUME, 'resume', ...pids.map(String)], {
    cwd: '/',
    env: { PATH: PROGRAM_PATH },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  waker.stdin.on('error', () => undefined); // it was killed from outside; 'close' tells
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGSTOP');
    } catch {
      // ended meanwhile
    }
  }
  return () => ended(waker);
}

function mountArguments({ disk = false, directory, mountPath }: MachineVolume): string[] {
  return [disk ? 'disk' : 'folder', directory, mountPath];
}

/** Resolves at the end of a process, whatever its status: there may be nobody to signal. */
function ended(child: ChildProcess): Promise<void> {
  child.stdin?.end();
  child.stdout?.resume();
  child.stderr?.resume();
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
}

function signal(pid: number, child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

function required(name: string): string {
  const path = findProgram(name);
  if (path === null) throw new Error(`this system has no ${name} (util-linux)`);
  return path;
}
