/**
 * The agent as one archive: runtime, bundle and native packages, addressed by its SHA-256. The tar inside is
 * deterministic; archives are kept by the tar's hash, so each version is compressed once per machine.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, type Dirent } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { HostarkError } from '@hostark/protocol';
import { tarEnd, tarHeader, tarPadding } from './tar.ts';

export interface AgentParts {
  /** The `node` executable that runs on the host. */
  readonly nodeBinary: string;
  /** Holds main.cjs, worker.cjs … ; all its files are taken, source maps and caches of code excepted. */
  readonly bundleDirectory: string;
  /** Package directories that go to node_modules by their package name. */
  readonly nativePackages: readonly string[];
  /** Archives are kept here by their input's hash, so each version is built once. */
  readonly outDirectory: string;
}

export interface AgentArchive {
  /** A .tar.gz file. */
  readonly file: string;
  /** Hex SHA-256 of the .tar.gz. */
  readonly sha256: string;
  readonly bytes: number;
  /** False when it was there already. */
  readonly built: boolean;
}

interface Member {
  /** Path in the archive. */
  readonly path: string;
  readonly source: string;
  readonly bytes: number;
  readonly executable: boolean;
}

/**
 * What packages carry that nothing needs at run time; and what a build has learnt of them, which no two builds do alike: the same
 * version has to be the same archive.
 */
const NOT_SHIPPED = /(\.(cache|map|md|d\.ts|d\.mts|d\.cts|c|cc|cpp|h|hh)|CMakeLists\.txt)$/;
const NOT_ENTERED = new Set(['node_modules', 'doc', 'docs', 'vendor', 'test', 'tests', '.git']);

/** Builds or finds the archive. Throws 'internal' when a part is missing: the build has not run. */
export async function buildAgentArchive(parts: AgentParts): Promise<AgentArchive> {
  const members = await collect(parts);
  await mkdir(parts.outDirectory, { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  for await (const chunk of tarStream(members)) hash.update(chunk);
  const input = hash.digest('hex');
  const file = join(parts.outDirectory, `agent-${input}.tar.gz`);
  const record = join(parts.outDirectory, `agent-${input}.json`);
  return (await kept(file, record)) ?? (await build(members, file, record));
}

async function kept(file: string, record: string): Promise<AgentArchive | null> {
  try {
    const { sha256, bytes } = JSON.parse(await readFile(record, 'utf8')) as { sha256: string; bytes: number };
    if ((await stat(file)).size !== bytes) return null;
    return { file, sha256, bytes, built: false };
  } catch {
    return null; // not built yet, or torn: built again
  }
}

/** Archives kept on this machine for each architecture: the one in use and the one before it. */
const KEEP_ARCHIVES = 2;

/** Removes all but the newest archives of a folder; `current` counts as the newest. */
export async function pruneAgentArchives(directory: string, current: AgentArchive): Promise<void> {
  const files = (await readdir(directory)).filter((name) => /^agent-[0-9a-f]{64}\.tar\.gz$/.test(name));
  const others = await Promise.all(
    files
      .map((name) => join(directory, name))
      .filter((file) => file !== current.file)
      .map(async (file) => ({
        file,
        mtimeMs: await stat(file).then(
          ({ mtimeMs }) => mtimeMs,
          () => 0,
        ),
      })),
  );
  others.sort((a, b) => b.mtimeMs - a.mtimeMs);
  for (const { file } of others.slice(KEEP_ARCHIVES - 1)) {
    await rm(file.replace(/\.tar\.gz$/, '.json'), { force: true });
    await rm(file, { force: true });
  }
}

async function build(members: readonly Member[], file: string, record: string): Promise<AgentArchive> {
  const temporary = `${file}-tmp-${process.pid}`;
  const hash = createHash('sha256');
  let bytes = 0;
  const handle = await open(temporary, 'w', 0o600);
  try {
    // Level 1: the archive crosses the network once per host and version; level 6 takes four times the CPU for a tenth less.
    await pipeline(tarStream(members), createGzip({ level: 1, chunkSize: 262_144 }), async (compressed) => {
      for await (const chunk of compressed as AsyncIterable<Uint8Array>) {
        hash.update(chunk);
        bytes += chunk.length;
        await writeAll(handle, chunk);
      }
    });
    await handle.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  const sha256 = hash.digest('hex');
  await rename(temporary, file);
  await writeFile(record, JSON.stringify({ sha256, bytes }), { mode: 0o600 });
  return { file, sha256, bytes, built: true };
}

async function writeAll(
  handle: { write(data: Uint8Array): Promise<{ bytesWritten: number }> },
  chunk: Uint8Array,
): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk.subarray(at))).bytesWritten;
}

/** Members sorted by path: directory order differs from machine to machine. */
async function collect(parts: AgentParts): Promise<readonly Member[]> {
  const members: Member[] = [await member('bin/node', parts.nodeBinary, true)];
  await addTree(members, '', parts.bundleDirectory);
  for (const directory of parts.nativePackages) {
    const { name } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as { name: string };
    await addTree(members, `node_modules/${name}/`, directory);
  }
  if (!members.some(({ path }) => path === 'main.cjs')) {
    throw new HostarkError('internal', `agent: expected main.cjs in ${parts.bundleDirectory}, found none`, {
      hint: 'build the project first (npm run build)',
    });
  }
  if (!members.some(({ path }) => path === 'package.json')) {
    // its chunks are ES modules; without this line Node would read them as CommonJS
    members.push({ path: 'package.json', source: '', bytes: MODULE_MARK.length, executable: false });
  }
  return members.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

const MODULE_MARK = Buffer.from('{"type":"module"}\n');

async function addTree(members: Member[], prefix: string, directory: string): Promise<void> {
  let entries: Dirent[];
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (cause) {
    throw new HostarkError('internal', `agent: cannot read ${directory}`, {
      cause,
      hint: 'run npm ci and build first',
    });
  }
  for (const entry of entries) {
    const source = join(directory, entry.name);
    const info = await stat(source); // follows links: the archive holds files alone
    if (info.isDirectory()) {
      if (!NOT_ENTERED.has(entry.name)) await addTree(members, `${prefix}${entry.name}/`, source);
    } else if (info.isFile() && !NOT_SHIPPED.test(entry.name)) {
      members.push(await member(`${prefix}${entry.name}`, source, (info.mode & 0o100) !== 0));
    }
  }
}

async function member(path: string, source: string, executable: boolean): Promise<Member> {
  return { path, source, bytes: (await stat(source)).size, executable };
}

async function* tarStream(members: readonly Member[]): AsyncGenerator<Uint8Array> {
  for (const { path, source, bytes, executable } of members) {
    yield tarHeader(path, bytes, executable);
    if (source === '') yield MODULE_MARK;
    else yield* fileBytes(source, bytes);
    yield tarPadding(bytes);
  }
  yield tarEnd();
}

async function* fileBytes(source: string, bytes: number): AsyncGenerator<Uint8Array> {
  let read = 0;
  if (bytes > 0) {
    for await (const chunk of createReadStream(source, { end: bytes - 1, highWaterMark: 1_048_576 })) {
      read += (chunk as Uint8Array).length;
      yield chunk as Uint8Array;
    }
  }
  if (read !== bytes) throw new RangeError(`agent: ${source} shrank from ${bytes} to ${read} bytes while it was read`);
}

/** Hashes a file, for the tests and for those who check an archive again. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash: Hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}
