/**
 * Machines in Linux namespaces, made with util-linux: `unshare` boots, `nsenter` enters. Processes have their own
 * root directory, mounts, process ids and host name; the network is this system's loopback.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { startFirstProcess } from './first-process.ts';
import { loginArguments, loginEnvironment } from './login.ts';
import { LOGIN_USERS, type Machine, type MachineCommand, type MachineOptions } from './machine.ts';
import { findProgram, PROGRAM_PATH } from './programs.ts';
import { NAMESPACE_BOOT, NAMESPACE_INIT } from './scripts.ts';

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
      ...more.flatMap((volume) => [volume.directory, volume.mountPath]),
    ],
    {
      ...options.environment,
      PATH: `/opt/sandbox/bin:${PROGRAM_PATH}`,
      HOME: '/root',
      LANG: 'C.UTF-8',
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
  return {
    id: options.id,
    mode: options.mode,
    pid: machine.pid,
    exited: machine.exited,
    spawn: (command: MachineCommand): ChildProcess => {
      const id = String(LOGIN_USERS[command.user]?.id ?? 0);
      const identity = ownUsers ? [] : ['--setuid', id, '--setgid', id];
      return spawn(nsenter, [...enter, ...identity, '--', ...loginArguments(command)], {
        cwd: '/',
        env: loginEnvironment(command, options.environment, ''),
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe'],
      });
    },
    kill: () => {
      // The end of process 1 is, by the kernel, the end of its whole process-id namespace; unshare then reports it.
      signal(machine.pid, machine.child);
    },
  };
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
