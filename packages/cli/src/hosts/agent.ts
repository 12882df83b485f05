/** Brings the agent onto a host and runs jobs there. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host } from '@hostark/cloud';
import { type AgentJob, HostarkError } from '@hostark/protocol';
import {
  type AgentArchive,
  type AgentOutcome,
  type AgentRunOptions,
  buildAgentArchive,
  connectSsh,
  runAgent,
  type Session,
  shipAgent,
} from '@hostark/remote';
import type { Cloud } from './cloud.ts';

/** Waits this long for a host that still boots. */
const BOOT_WAIT_MS = 180_000;

/** What `uname -m` says for Node's names of architectures. */
const MACHINE: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** Logs in with the host's own key pair; the host must present the key that it was launched with. */
export async function logIn(host: Host, signal: AbortSignal): Promise<Session> {
  if (host.address === null)
    throw new HostarkError(
      'host-unreachable',
      `expected a running host, ${host.name} is ${host.state} and has no address`,
    );
  if (host.privateKeyFile === null) {
    throw new HostarkError('host-unreachable', `this machine has no key to log in to ${host.name}`, {
      hint: 'run this with the state directory of the machine that launched it',
    });
  }
  return connectSsh({
    host: host.address,
    port: host.port,
    user: host.user,
    privateKey: await readFile(host.privateKeyFile, 'utf8'),
    hostKeys: host.hostKeys,
    waitMs: BOOT_WAIT_MS,
    signal,
  });
}

/** Builds the agent's archive from this very program: its runtime, its bundle and its native packages. */
export async function agentArchive(cloud: Pick<Cloud, 'stateDirectory'>): Promise<AgentArchive> {
  return buildAgentArchive({
    nodeBinary: process.execPath,
    bundleDirectory: dirname(fileURLToPath(import.meta.url)),
    nativePackages: nativePackages(),
    outDirectory: join(cloud.stateDirectory, 'agent'),
  });
}

/** Folders of the packages that stay outside the bundle, as far as they are installed here. */
function nativePackages(): string[] {
  const suffix = `${process.platform}-${process.arch}`;
  const zstd = '@toondepauw/node-zstd';
  const names = ['koffi', `@koromix/koffi-${suffix}`, zstd, `${zstd}-${suffix}-gnu`, `${zstd}-${suffix}-musl`];
  return names.map(packageFolder).filter((folder) => folder !== null);
}

/** Finds a package as `require` would, without asking for a file that its `exports` may hide. Null if not installed. */
function packageFolder(name: string): string | null {
  const roots = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return roots.map((root) => join(root, name)).find((folder) => existsSync(join(folder, 'package.json'))) ?? null;
}

/** The agent on a host, ready for jobs. */
export interface RemoteAgent {
  readonly path: string;
  readonly bytesSent: number;
  run(job: AgentJob, options?: AgentRunOptions): Promise<AgentOutcome>;
}

/** Ships the agent unless it is there. Throws 'host-unreachable' for a host of another architecture. */
export async function installAgent(
  session: Session,
  archive: AgentArchive,
  options: { signal: AbortSignal; onProgress?: (sent: number, total: number) => void },
): Promise<RemoteAgent> {
  const machine = (await session.exec('uname -m', { signal: options.signal })).stdout.trim();
  const expected = MACHINE[process.arch] ?? process.arch;
  if (machine !== expected) {
    throw new HostarkError(
      'agent-failed',
      `expected a host of this machine's architecture ${expected}, found ${machine}`,
      {
        hint: 'run hostark on a machine of the same architecture as the host',
      },
    );
  }
  const shipped = await shipAgent(session, archive, options);
  return {
    path: shipped.path,
    bytesSent: shipped.bytesSent,
    run: (job, runOptions) => runAgent(session, shipped.path, job, runOptions),
  };
}
