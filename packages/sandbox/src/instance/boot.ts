/** Starts machines and finds out which kind this system allows. */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { bootFolder } from './folder.ts';
import { LOGIN_USERS, type Machine, type MachineMode, type MachineOptions } from './machine.ts';
import { bootNamespace } from './namespace.ts';
import { removeTree } from './remove.ts';
import { makeRoot } from './root.ts';

/** Resolves when the machine accepts commands. Throws when its first process ends before that. */
export function boot(options: MachineOptions): Promise<Machine> {
  return options.mode === 'folder' ? bootFolder(options) : bootNamespace(options);
}

/** Tries for real, in a throw-away root below `directory`, what this system allows; the best mode that worked. */
export async function detectMode(directory: string): Promise<MachineMode> {
  const candidates: MachineMode[] = process.getuid?.() === 0 ? ['namespace', 'user-namespace'] : ['user-namespace'];
  for (const mode of candidates) if (await works(mode, directory)) return mode;
  return 'folder';
}

/** Whether a machine of this mode boots, sees itself as it should, and runs a command to its end. */
export async function works(mode: MachineMode, directory: string): Promise<boolean> {
  mkdirSync(directory, { recursive: true });
  const trial = mkdtempSync(join(directory, 'trial-'));
  try {
    const root = join(trial, 'root');
    mkdirSync(root);
    makeRoot({
      directory: root,
      mode,
      hostname: 'trial',
      machineId: '',
      osRelease: [],
      hostKey: '',
      authorizedKeys: [],
    });
    const machine = await boot({
      id: 'trial',
      hostname: 'trial',
      mode,
      volumes: [{ directory: root, mountPath: '/' }],
      environment: {},
      consoleFile: join(trial, 'console'),
    });
    try {
      for (const user of ['root', 'ec2-user']) if (!(await proves(machine, user))) return false;
      return true;
    } finally {
      machine.kill();
      await machine.exited;
    }
  } catch {
    return false;
  } finally {
    await removeTree(trial);
  }
}

function proves(machine: Machine, user: string): Promise<boolean> {
  const command = 'test -c /dev/null && test -d /proc/self && cat /etc/hostname && touch "$HOME/.trial" && exit 41';
  const child = machine.spawn({ user, command, terminal: null });
  let output = '';
  child.stdout?.on('data', (data: Buffer) => {
    output += data.toString();
  });
  child.stderr?.resume();
  child.stdin?.end();
  return new Promise((resolve) => {
    child.on('error', () => resolve(false));
    child.on('close', (code) => resolve(code === 41 && (machine.mode === 'folder' || output.trim() === 'trial')));
  });
}

/** Whether this name may log in. */
export function isLoginUser(name: string): boolean {
  return Object.hasOwn(LOGIN_USERS, name);
}
