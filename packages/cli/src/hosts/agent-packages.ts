/**
 * What an agent for another architecture is made of: a Node runtime and native packages from npm's registry alone, each
 * pinned by the SHA-512 of its tarball (agent-pins.json). npm fetches, so that registries, proxies and credentials are
 * the user's; what it fetched is hashed here, and nothing of it runs on this machine.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { HostarkError } from '@hostark/protocol';
import type { AgentParts } from '@hostark/remote';
import pins from './agent-pins.json' with { type: 'json' };

export interface PinnedPackage {
  readonly arch: string;
  readonly name: string;
  readonly version: string;
  /** `sha512-` and base64, as npm writes it. */
  readonly integrity: string;
}

/** Where they come from, for people. */
export const PINS_AS_OF: string = pins.asOf;

/** Packages for an architecture. Throws 'usage' for one that has none. */
export function pinnedPackages(arch: string): readonly PinnedPackage[] {
  const found = pins.packages.filter((one) => one.arch === arch);
  if (found.length > 0) return found;
  const known = [...new Set(pins.packages.map((one) => one.arch))].sort().join(' or ');
  throw new HostarkError('usage', `--arch: expected ${known}, got ${JSON.stringify(arch)}`);
}

/** The folder of a fetched package; it is there whole or not at all. */
function folderOf(stateDirectory: string, { name, version }: PinnedPackage): string {
  return join(stateDirectory, 'agent', 'packages', `${name.replace('/', '+')}-${version}`);
}

export function isPrepared(stateDirectory: string, pinned: PinnedPackage): boolean {
  return existsSync(join(folderOf(stateDirectory, pinned), 'package.json'));
}

/** The parts of an agent for another architecture. Throws 'agent-failed' unless they were fetched. */
export async function preparedParts(
  stateDirectory: string,
  arch: string,
): Promise<Pick<AgentParts, 'nodeBinary' | 'nativePackages'>> {
  const packages = pinnedPackages(arch);
  if (!packages.every((one) => isPrepared(stateDirectory, one))) {
    throw new HostarkError(
      'agent-failed',
      `the host is ${arch}, this machine ${process.arch}, and no agent for it is prepared`,
      {
        hint: `run once: hostark agent prepare --arch ${arch}`,
      },
    );
  }
  const [runtime, ...native] = packages.map((one) => folderOf(stateDirectory, one));
  // The portable halves of the native packages are those of this very installation.
  const portable = ['koffi', '@toondepauw/node-zstd'].map(packageFolder).filter((folder) => folder !== null);
  return { nodeBinary: join(runtime!, 'bin/node'), nativePackages: [...portable, ...native] };
}

/** Finds a package as `require` would, without asking for a file that its `exports` may hide. Null if not installed. */
export function packageFolder(name: string): string | null {
  const roots = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return roots.map((root) => join(root, name)).find((folder) => existsSync(join(folder, 'package.json'))) ?? null;
}

export interface FetchOptions {
  /** The user's, for npm: it finds its configuration there. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

const run = promisify(execFile);

/** Fetches one package and verifies it. Throws 'agent-failed' when npm cannot, or when the bytes are not those pinned. */
export async function fetchPackage(
  stateDirectory: string,
  pinned: PinnedPackage,
  options: FetchOptions,
): Promise<void> {
  const target = folderOf(stateDirectory, pinned);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const work = await mkdtemp(`${target}-tmp-`);
  try {
    const tarball = await download(pinned, work, options);
    const found = `sha512-${createHash('sha512')
      .update(await readFile(tarball))
      .digest('base64')}`;
    if (found !== pinned.integrity) {
      throw new HostarkError(
        'agent-failed',
        `${pinned.name}@${pinned.version}: expected ${pinned.integrity}, found ${found}`,
        {
          hint: 'the registry or something on the way to it sent other bytes; nothing of them was kept',
        },
      );
    }
    await run('tar', ['-xzf', tarball, '-C', work], { signal: options.signal });
    await rm(target, { recursive: true, force: true });
    await rename(join(work, 'package'), target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(
  { name, version }: PinnedPackage,
  directory: string,
  { env, signal }: FetchOptions,
): Promise<string> {
  const words = ['pack', `${name}@${version}`, '--ignore-scripts', '--silent', '--pack-destination', directory];
  try {
    await run('npm', words, { env: { ...env }, cwd: directory, signal, maxBuffer: 16_777_216 });
  } catch (cause) {
    const { stderr = '', code } = cause as { readonly stderr?: string; readonly code?: unknown };
    const said = stderr.trim().split('\n').at(-1) ?? '';
    throw new HostarkError('agent-failed', `npm could not fetch ${name}@${version}: ${said || String(code)}`, {
      hint: code === 'ENOENT' ? 'npm must be on the PATH' : "check the network and npm's registry, then run it again",
      cause,
      retry: 'later',
    });
  }
  const tarball = (await readdir(directory)).find((file) => file.endsWith('.tgz'));
  if (tarball === undefined) throw new HostarkError('agent-failed', `npm pack ${name}@${version} left no tarball`);
  return join(directory, tarball);
}

/** Removes packages that this version does not pin. */
export async function prunePackages(stateDirectory: string): Promise<void> {
  const folder = join(stateDirectory, 'agent', 'packages');
  const kept = new Set(pins.packages.map((one) => folderOf(stateDirectory, one)));
  for (const name of await readdir(folder).catch(() => []))
    if (!kept.has(join(folder, name)) && !name.includes('-tmp-'))
      await rm(join(folder, name), { recursive: true, force: true });
}
