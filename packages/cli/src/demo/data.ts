/** The data of the demo's host: the user's folder, or files found on this machine, sent as a tar stream. */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, lstat, readdir } from 'node:fs/promises';
import { HostarkError } from '@hostark/protocol';

/** Enough to mean something, little enough for three minutes on two cores. */
const MAX_BYTES = 300e6;
const MAX_FILES = 12_000;
const MAX_FILE_BYTES = 40e6;
const PLACES = ['/usr/share/doc', '/usr/share/perl', '/usr/include', '/usr/lib', '/usr/share', '/usr/bin', '/opt'];

export interface ChosenData {
  /** Names for people. */
  readonly origin: string;
  readonly directory: string;
  /** Paths relative to `directory`; '.' for all of it. */
  readonly paths: readonly string[];
  readonly files: number;
  readonly bytes: number;
}

/** At most so much of what this machine has. */
export interface DataLimits {
  readonly files: number;
  readonly bytes: number;
}

/** Chooses what goes onto the host. Throws 'source-missing' if the user's folder is not there. */
export async function chooseData(
  directory: string | null,
  limits: DataLimits = { files: MAX_FILES, bytes: MAX_BYTES },
): Promise<ChosenData> {
  if (directory === null) return findData(limits);
  const stat = await lstat(directory).catch(() => null);
  if (stat === null || !stat.isDirectory()) {
    throw new HostarkError(
      'source-missing',
      `--data: expected a folder, ${directory} is ${stat === null ? 'not there' : 'none'}`,
    );
  }
  const budget = { files: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };
  const paths: string[] = [];
  const total = await collect(directory, '.', budget, paths);
  return { origin: directory, directory, paths: ['.'], ...total };
}

async function findData(limits: DataLimits): Promise<ChosenData> {
  const budget = { ...limits };
  const paths: string[] = [];
  let files = 0;
  let bytes = 0;
  for (const place of PLACES) {
    const share = { files: Math.min(budget.files, limits.files / 3), bytes: Math.min(budget.bytes, limits.bytes / 3) };
    const found = await collect('/', place.slice(1), share, paths);
    files += found.files;
    bytes += found.bytes;
    budget.files -= found.files;
    budget.bytes -= found.bytes;
  }
  return { origin: PLACES.join(', '), directory: '/', paths: [...new Set(paths)], files, bytes };
}

/** Adds readable files and links below `root/path` to `paths` until the budget is spent; returns what was added. */
async function collect(
  root: string,
  path: string,
  budget: { files: number; bytes: number },
  paths: string[],
): Promise<{ files: number; bytes: number }> {
  const added = { files: 0, bytes: 0 };
  const entries = await readdir(`${root}/${path}`, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (budget.files - added.files <= 0 || budget.bytes - added.bytes <= 0) break;
    const child = `${path}/${entry.name}`;
    if (entry.isDirectory()) {
      const below = await collect(
        root,
        child,
        { files: budget.files - added.files, bytes: budget.bytes - added.bytes },
        paths,
      );
      added.files += below.files;
      added.bytes += below.bytes;
    } else if (entry.isFile() || entry.isSymbolicLink()) {
      const stat = await lstat(`${root}/${child}`).catch(() => null);
      if (stat === null || stat.size > Math.min(MAX_FILE_BYTES, budget.bytes - added.bytes) || child.includes('\n'))
        continue;
      if (
        entry.isFile() &&
        !(await access(`${root}/${child}`, constants.R_OK).then(
          () => true,
          () => false,
        ))
      )
        continue;
      paths.push(child);
      added.files++;
      if (entry.isFile()) added.bytes += stat.size;
    }
  }
  return added;
}

/** Streams the chosen files as a tar archive. Throws 'command-failed' if tar ends badly. */
export async function* streamTar(data: ChosenData, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  // The list goes by stdin: thousands of paths do not fit into an argument list.
  const tar = spawn('tar', ['-C', data.directory, '--null', '-T', '-', '-cf', '-'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH }, // no password of the caller's environment goes to another program
    signal,
  });
  const failed = new Promise<never>((_resolve, reject) => {
    tar.once('error', (cause) =>
      reject(new HostarkError('command-failed', `tar did not start: ${cause.message}`, { cause })),
    );
  });
  failed.catch(() => {});
  let complaints = '';
  tar.stderr.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-500);
  });
  const ended = new Promise<number | null>((resolve) => tar.once('close', resolve));
  tar.stdin.on('error', () => {}); // tar's own exit code says more
  tar.stdin.end(data.paths.map((path) => `${path}\0`).join(''));
  yield* tar.stdout as AsyncIterable<Buffer>;
  const code = await Promise.race([ended, failed]);
  if (code !== 0) throw new HostarkError('command-failed', `tar ended with ${code}: ${complaints.trim()}`);
}
