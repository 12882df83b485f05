/**
 * The files that a new machine's root volume starts with. Programs are not among them: a namespace machine
 * sees this system's /usr through read-only mounts, a folder machine runs them where they are.
 */
import {
  appendFileSync,
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { LOGIN_USERS, type MachineMode } from './machine.ts';
import { FSFREEZE, SUDO } from './scripts.ts';

export interface RootOptions {
  readonly directory: string;
  readonly mode: MachineMode;
  readonly hostname: string;
  /** 32 hex digits. */
  readonly machineId: string;
  /** Lines of /etc/os-release. */
  readonly osRelease: readonly string[];
  /** Public half of the SSH host key, OpenSSH text. */
  readonly hostKey: string;
  /** OpenSSH public keys, one a line, for ~/.ssh/authorized_keys of every login user. */
  readonly authorizedKeys: readonly string[];
  /** Shell script to run once at first boot. */
  readonly bootScript?: string;
}

const DIRECTORIES = [
  ...['dev', 'etc/ssh', 'home', 'mnt', 'media', 'opt/sandbox/bin', 'proc', 'run', 'srv', 'sys', 'usr'],
  ...['var/cache', 'var/lib/cloud', 'var/log', 'var/spool', 'boot'],
];

/** Makes the directories and files of a new root volume. The directory must exist and be empty. */
export function makeRoot(o: RootOptions): void {
  const at = (path: string): string => join(o.directory, path);
  for (const path of DIRECTORIES) mkdirSync(at(path), { recursive: true });
  for (const path of ['tmp', 'var/tmp']) {
    mkdirSync(at(path));
    chmodSync(at(path), 0o1777);
  }
  if (o.mode !== 'folder') {
    symlinkSync('/run', at('var/run'));
    symlinkSync('/run/lock', at('var/lock'));
  }
  for (const [name, text] of Object.entries(etcFiles(o))) writeFileSync(at(`etc/${name}`), text);
  chmodSync(at('etc/shadow'), 0o600);
  copyOfThisSystem(o.directory);
  writeStandIns(o.directory);
  if (o.bootScript !== undefined) writeFileSync(at('var/lib/cloud/user-data.sh'), o.bootScript, { mode: 0o700 });
  for (const { id, home } of Object.values(LOGIN_USERS)) makeHome(at(home), o, id);
}

/** The programs by which a machine differs from a real one; written at every boot, so that each root volume has them. */
export function writeStandIns(directory: string): void {
  const bin = join(directory, 'opt/sandbox/bin');
  mkdirSync(bin, { recursive: true });
  for (const [name, text] of Object.entries({ sudo: SUDO, fsfreeze: FSFREEZE })) {
    writeFileSync(join(bin, name), text);
    chmodSync(join(bin, name), 0o755);
  }
}

/** What cloud-init does when a root volume wakes up as another instance: name, host key, login keys, user data. */
export function adoptRoot(o: RootOptions): void {
  const at = (path: string): string => join(o.directory, path);
  for (const path of DIRECTORIES) mkdirSync(at(path), { recursive: true });
  writeStandIns(o.directory);
  const files = etcFiles(o);
  for (const name of ['hostname', 'hosts', 'ssh/ssh_host_ed25519_key.pub'])
    writeFileSync(at(`etc/${name}`), files[name] ?? '');
  for (const name of ['user-data.sh', 'user-data.done']) rmSync(at(`var/lib/cloud/${name}`), { force: true });
  if (o.bootScript !== undefined) writeFileSync(at('var/lib/cloud/user-data.sh'), o.bootScript, { mode: 0o700 });
  for (const { home } of Object.values(LOGIN_USERS)) {
    const keys = at(`${home}/.ssh/authorized_keys`);
    if (!existsSync(keys)) continue;
    const known = readFileSync(keys, 'utf8').split('\n');
    const fresh = o.authorizedKeys.map((key) => key.trim()).filter((key) => !known.includes(key));
    appendFileSync(keys, fresh.map((key) => `${key}\n`).join(''));
  }
}

function makeHome(home: string, o: RootOptions, id: number): void {
  const ssh = join(home, '.ssh');
  const keys = join(ssh, 'authorized_keys');
  mkdirSync(ssh, { recursive: true });
  writeFileSync(keys, o.authorizedKeys.map((key) => `${key.trim()}\n`).join(''));
  chmodSync(home, 0o700);
  chmodSync(ssh, 0o700);
  chmodSync(keys, 0o600);
  if (o.mode === 'namespace') for (const path of [home, ssh, keys]) chownSync(path, id, id);
}

function etcFiles(o: RootOptions): Record<string, string> {
  // Without real root only one user id exists, so every login name stands for it.
  const idOf = (id: number): number => (o.mode === 'namespace' ? id : 0);
  const users = Object.entries(LOGIN_USERS);
  return {
    passwd: lines([
      ...users.map(([name, u]) => `${name}:x:${idOf(u.id)}:${idOf(u.id)}:${name}:${u.home}:${LOGIN_SHELL}`),
      'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin',
    ]),
    group: lines([
      'root:x:0:',
      'tty:x:5:',
      ...users.filter(([name]) => name !== 'root').map(([name, u]) => `${name}:x:${u.id}:`),
      'nogroup:x:65534:',
    ]),
    shadow: lines(users.map(([name]) => `${name}:!:19000:0:99999:7:::`)),
    hostname: lines([o.hostname]),
    hosts: lines(['127.0.0.1 localhost', `127.0.0.1 ${o.hostname}`, '::1 localhost']),
    'nsswitch.conf': lines(['passwd: files', 'group: files', 'shadow: files', 'hosts: files dns']),
    'resolv.conf': '',
    shells: lines(['/bin/sh', '/bin/bash']),
    profile: lines(["PS1='[\\u@\\h \\W]\\$ '", 'umask 022']),
    'machine-id': lines([o.machineId]),
    'os-release': lines(o.osRelease),
    'ssh/ssh_host_ed25519_key.pub': lines([o.hostKey.trim()]),
  };
}

const SHELL = existsSync('/bin/bash') ? 'bash' : 'sh';
/** Login shell of every user. */
export const LOGIN_SHELL: string = `/bin/${SHELL}`;

function lines(text: readonly string[]): string {
  return text.map((line) => `${line}\n`).join('');
}

/** The loader's cache and the time zone of this system fit the programs that are borrowed from it. */
function copyOfThisSystem(directory: string): void {
  for (const name of ['ld.so.cache', 'ld.so.conf']) {
    if (existsSync(`/etc/${name}`)) copyFileSync(`/etc/${name}`, join(directory, 'etc', name));
  }
  try {
    symlinkSync(readlinkSync('/etc/localtime'), join(directory, 'etc/localtime'));
  } catch {
    // no link: the machine keeps UTC
  }
}
