/**
 * Host keys we have accepted, in OpenSSH's known_hosts format (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), so that
 * `ssh -o UserKnownHostsFile=` reads the same file. Names are not hashed. Changes replace the file atomically.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parsePublicKey } from './host-keys.ts';

export interface KnownHosts {
  readonly file: string;
  /** Public key lines ('ssh-ed25519 AAAA…') of a host; empty when unknown. */
  keys(host: string, port: number): Promise<readonly string[]>;
  /** Adds a key; durable when resolved. Throws TypeError when `key` is not a public key line. */
  add(host: string, port: number, key: string): Promise<void>;
  /** Forgets a host, e.g. after it was destroyed. */
  remove(host: string, port: number): Promise<void>;
}

/** Opens `known_hosts` below the state directory; nothing is created until the first `add`. */
export function openKnownHosts(directory: string): KnownHosts {
  const file = join(directory, 'known_hosts');
  const lines = async (): Promise<string[]> => (await readOrEmpty(file)).split('\n').filter((line) => line !== '');
  return {
    file,
    async keys(host, port) {
      const start = `${pattern(host, port)} `;
      return (await lines()).filter((line) => line.startsWith(start)).map((line) => line.slice(start.length));
    },
    async add(host, port, key) {
      parsePublicKey(key);
      const line = `${pattern(host, port)} ${key.trim()}`;
      const old = await lines();
      if (!old.includes(line)) await replace(file, [...old, line]);
    },
    async remove(host, port) {
      const start = `${pattern(host, port)} `;
      const old = await lines();
      const kept = old.filter((line) => !line.startsWith(start));
      if (kept.length < old.length) await replace(file, kept);
    },
  };
}

/** sshd(8): a host name, or `[name]:port` when the port is not 22. */
function pattern(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

async function readOrEmpty(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

async function replace(file: string, lines: readonly string[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}-tmp-${process.pid}`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(lines.map((line) => `${line}\n`).join(''));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
