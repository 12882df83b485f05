/** Brings the agent onto a host and runs jobs there. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AgentJob, HostarkError } from '@hostark/protocol';
import {
  type AgentArchive,
  type AgentOutcome,
  type AgentParts,
  type AgentRunOptions,
  buildAgentArchive,
  lastLine,
  pruneAgentArchives,
  runAgent,
  type Session,
  shipAgent,
} from '@hostark/remote';
import { packageFolder, preparedParts } from './agent-packages.ts';
import type { Cloud } from './cloud.ts';

/** What `uname -m` says for Node's names of architectures. */
const MACHINE: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** Returns the archive for a host whose `uname -m` says this; null asks for this machine's own architecture. */
export async function archiveFor(cloud: Pick<Cloud, 'stateDirectory'>, machine: string | null): Promise<AgentArchive> {
  return archiveForArchitecture(cloud, machine === null ? process.arch : architectureOf(machine));
}

/** The same by Node's name. Throws 'agent-failed' when its parts were not fetched (`hostark agent prepare`). */
export async function archiveForArchitecture(
  cloud: Pick<Cloud, 'stateDirectory'>,
  arch: string,
): Promise<AgentArchive> {
  const parts = arch === process.arch ? ownParts() : await preparedParts(cloud.stateDirectory, arch);
  const archive = await buildAgentArchive({
    ...parts,
    bundleDirectory: dirname(fileURLToPath(import.meta.url)),
    outDirectory: join(cloud.stateDirectory, 'agent', arch),
  });
  await pruneAgentArchives(join(cloud.stateDirectory, 'agent', arch), archive);
  return archive;
}

/** Node's name of an architecture. Throws 'agent-failed' for one that no agent exists for. */
function architectureOf(machine: string): string {
  const found = Object.entries(MACHINE).find(([, name]) => name === machine)?.[0];
  if (found !== undefined) return found;
  throw new HostarkError('agent-failed', `expected a host of x86_64 or aarch64, found ${machine}`, {
    hint: 'agents exist for these alone',
  });
}

/** This very program: its runtime and its native packages. */
function ownParts(): Pick<AgentParts, 'nodeBinary' | 'nativePackages'> {
  return { nodeBinary: process.execPath, nativePackages: nativePackages() };
}

/** Folders of the packages that stay outside the bundle, as far as they are installed here. */
function nativePackages(): string[] {
  const suffix = `${process.platform}-${process.arch}`;
  const zstd = '@toondepauw/node-zstd';
  const names = ['koffi', `@koromix/koffi-${suffix}`, zstd, `${zstd}-${suffix}-gnu`, `${zstd}-${suffix}-musl`];
  return names.map(packageFolder).filter((folder) => folder !== null);
}

/** The agent on a host, ready for jobs. */
export interface RemoteAgent {
  readonly path: string;
  readonly bytesSent: number;
  run(job: AgentJob, options?: AgentRunOptions): Promise<AgentOutcome>;
}

/** Ships the agent for the host's architecture unless it is there. Throws 'agent-failed' when there is none for it. */
export async function installAgent(
  cloud: Pick<Cloud, 'stateDirectory'>,
  session: Session,
  options: { signal: AbortSignal; onProgress?: (sent: number, total: number) => void },
): Promise<RemoteAgent> {
  const machine = lastLine((await session.exec('uname -m', { signal: options.signal })).stdout);
  const archive = await archiveFor(cloud, machine);
  const shipped = await shipAgent(session, archive, options);
  return {
    path: shipped.path,
    bytesSent: shipped.bytesSent,
    run: (job, runOptions) => runAgent(session, shipped.path, job, runOptions),
  };
}
