/**
 * What this machine remembers of a host: one folder below `hosts/` in the state directory with its record, our login
 * key (0600) and, until the host has booted once, the host key that it is given.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { generateSshKey, type SshKeyPair } from './openssh-key.ts';

export interface HostRecord {
  readonly schema: 1;
  readonly name: string;
  /** All but 'ready' are left behind by killed runs; cleanup then removes what belongs to them. */
  readonly state: 'launching' | 'adopting' | 'ready' | 'detaching' | 'destroying';
  /** Whether Hostark made the instance, or found it running: then it is never ended without an explicit word. */
  readonly origin: 'launched' | 'adopted';
  readonly run: string;
  /** Which of a launch's attempts the last create call was; see launch-attempts.ts. */
  readonly attempt?: number;
  readonly region: string;
  readonly account: string;
  readonly endpoint: string | null;
  readonly instanceId: string | null;
  readonly user: string;
  /** What logs in: our own key in the host's folder when null, else the path of the user's. */
  readonly identityFile: string | null;
  /** How it is reached when nothing else is said. */
  readonly via: 'ssh' | 'ssm';
  /** Public key lines, one of which the host must present. Empty only when it is reached through SSM alone. */
  readonly hostKeys: readonly string[];
  readonly bucket: string | null;
  readonly prefix: string | null;
}

/** Path of the key that logs in to a host. */
export function loginKeyFile(stateDirectory: string, name: string): string {
  return join(stateDirectory, 'hosts', name, 'id_ed25519');
}

/** Returns the key that logs in to a host, made now or by the run before that was killed. Durable when resolved. */
export function loginKey(stateDirectory: string, name: string): Promise<SshKeyPair> {
  return keyPair(loginKeyFile(stateDirectory, name), `hostark-${name}`);
}

/** Returns the key that a host is given as its own, made now or by the run before that was killed. Durable when resolved. */
export function ownHostKey(stateDirectory: string, name: string): Promise<SshKeyPair> {
  return keyPair(hostKeyFile(stateDirectory, name), `${name}-host-key`);
}

/** Forgets the private half of the host's own key: after its launch only the host needs it. */
export async function forgetHostKey(stateDirectory: string, name: string): Promise<void> {
  await rm(hostKeyFile(stateDirectory, name), { force: true });
}

function hostKeyFile(stateDirectory: string, name: string): string {
  return join(stateDirectory, 'hosts', name, 'host_ed25519');
}

async function keyPair(file: string, comment: string): Promise<SshKeyPair> {
  const [privateKey, publicKey] = await Promise.all([readOrNull(file), readOrNull(`${file}.pub`)]);
  if (privateKey !== null && publicKey !== null) return { privateKey, publicKey: publicKey.trim() };
  const pair = generateSshKey(comment);
  // The private half last: a pair counts only when both are there, and it was never used before.
  await writeDurably(`${file}.pub`, `${pair.publicKey}\n`, 0o644);
  await writeDurably(file, pair.privateKey, 0o600);
  return pair;
}

/** Returns null when this machine knows no such host. */
export async function readHostRecord(stateDirectory: string, name: string): Promise<HostRecord | null> {
  const text = await readOrNull(join(stateDirectory, 'hosts', name, 'host.json'));
  return text === null ? null : complete(JSON.parse(text) as StoredRecord);
}

/** A record as it may lie on disk: the first ones knew launched hosts with one key alone. */
type StoredRecord = Omit<HostRecord, 'origin' | 'identityFile' | 'via' | 'hostKeys'> &
  Partial<HostRecord> & { readonly hostKey?: string };

function complete({ hostKey, ...stored }: StoredRecord): HostRecord {
  const hostKeys = hostKey === undefined ? [] : [hostKey];
  return { origin: 'launched', identityFile: null, via: 'ssh', hostKeys, ...stored };
}

/** All hosts this machine remembers, by name. */
export async function readHostRecords(stateDirectory: string): Promise<readonly HostRecord[]> {
  let names: string[];
  try {
    names = await readdir(join(stateDirectory, 'hosts'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const records = await Promise.all(names.sort().map((name) => readHostRecord(stateDirectory, name)));
  return records.filter((record) => record !== null);
}

/** Durable when resolved; replaces the record at once or not at all. */
export async function writeHostRecord(stateDirectory: string, record: HostRecord): Promise<void> {
  await writeDurably(
    join(stateDirectory, 'hosts', record.name, 'host.json'),
    `${JSON.stringify(record, null, 2)}\n`,
    0o600,
  );
}

/** Notes the keys that a host was found to have, over a way that proves them. Nothing happens for a host that is not known. */
export async function noteHostKeys(stateDirectory: string, name: string, hostKeys: readonly string[]): Promise<void> {
  const record = await readHostRecord(stateDirectory, name);
  if (record !== null) await writeHostRecord(stateDirectory, { ...record, hostKeys });
}

/** Forgets a host and its keys. */
export async function removeHostRecord(stateDirectory: string, name: string): Promise<void> {
  await rm(join(stateDirectory, 'hosts', name), { recursive: true, force: true });
}

async function writeDurably(file: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}-tmp-${process.pid}`;
  const handle = await open(temporary, 'w', mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
