/**
 * A machine: the process tree behind one EC2 instance of the sandbox.
 *
 * Two kinds exist. A 'namespace' machine has its own root directory, process ids, mounts and host name; with
 * real root it keeps real owners and devices, otherwise it lives in a user namespace where only one user id
 * exists. A 'folder' machine is a plain folder and a process group, for systems that forbid namespaces.
 * Neither is a security boundary: the sandbox is for demonstration and tests.
 *
 * Guarantee: when the sandbox process ends, however it ends, the machine's processes end too (the first
 * process reads a pipe that the sandbox holds open).
 */
import type { ChildProcess } from 'node:child_process';

/** How machines are isolated on this system. */
export type MachineMode = 'namespace' | 'user-namespace' | 'folder';

/** A directory that the machine sees at a path of its own. */
export interface MachineVolume {
  /** Directory on this system. */
  readonly directory: string;
  /** Absolute path inside the machine; '/' for the root volume. */
  readonly mountPath: string;
  /** Whether it is to have a device number of its own, as a disk has; where the kernel allows. */
  readonly disk?: boolean;
}

export interface MachineOptions {
  readonly id: string;
  readonly hostname: string;
  readonly mode: MachineMode;
  /** First the root volume. */
  readonly volumes: readonly MachineVolume[];
  /** Environment of every process: metadata endpoint, region. Nothing of the sandbox's own environment is added. */
  readonly environment: Readonly<Record<string, string>>;
  /** File that receives what the first process and user data print. */
  readonly consoleFile: string;
}

/** A terminal as an SSH client asks for it. */
export interface Terminal {
  readonly term: string;
  readonly columns: number;
  readonly rows: number;
}

export interface MachineCommand {
  readonly user: string;
  /** Handed to the user's shell; null starts a login shell. */
  readonly command: string | null;
  readonly terminal: Terminal | null;
  /** Added to the machine's environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A booted machine. `exited` resolves once no process of it can run any more. */
export interface Machine {
  readonly id: string;
  readonly mode: MachineMode;
  /** Process id, as this system sees it, of the machine's first process. */
  readonly pid: number;
  readonly exited: Promise<void>;
  /** Starts a process inside, as leader of a process group of its own, with three pipes. */
  spawn(command: MachineCommand): ChildProcess;
  /** Makes a directory appear in the running machine: mounted there, or in a 'folder' machine as a link. */
  attach(volume: MachineVolume): Promise<void>;
  /** Takes it away again. False when programs have files open there; `force` takes it away from them. */
  detach(mountPath: string, force: boolean): Promise<boolean>;
  /** Stops every process but the first (SIGSTOP), so that nothing writes while volumes are copied. */
  pause(): Promise<void>;
  /** Lets them go on. */
  resume(): Promise<void>;
  /** Ends every process of the machine at once (SIGKILL). May be called again. */
  kill(): void;
}

/** Users that may log in, with their ids and homes. All but root become root with `sudo`, without a password. */
export const LOGIN_USERS: Readonly<Record<string, { readonly id: number; readonly home: string }>> = {
  root: { id: 0, home: '/root' },
  'ec2-user': { id: 1000, home: '/home/ec2-user' },
  admin: { id: 1001, home: '/home/admin' },
  ubuntu: { id: 1002, home: '/home/ubuntu' },
};
