/** Backs up a host: logs in, brings the agent, runs the backup there. Used by `protect` and the demo. */
import { type Host, showHost } from '@hostark/cloud';
import type { BackupJob } from '@hostark/protocol';
import { createAccess, storeOf } from './access.ts';
import { agentArchive, installAgent, logIn, type RemoteAgent } from './agent.ts';
import type { Cloud } from './cloud.ts';
import { ensureRepository } from './host-repository.ts';

export interface ProtectRequest {
  readonly targets: readonly string[];
  readonly excludes?: readonly string[];
  readonly tags?: readonly string[];
  /** Told before the key is added to the repository: it must be lost neither with a kill nor with a backup that fails. */
  readonly onRecoveryKey?: (key: string) => void;
}

/** What the agent answers about a backup; the fields are those of restic's summary. */
export interface ProtectReport {
  readonly snapshotId: string;
  readonly errorCount: number;
  readonly summary: Readonly<Record<string, number>>;
  /** Requests that the agent sent to the bucket, by operation. */
  readonly requests: Readonly<Record<string, number>>;
  readonly bytesUploaded: number;
  /** A second password for the repository, only when this backup created it. To be shown once, then forgotten. */
  readonly recoveryKey: string | null;
}

/** Runs `work` with an agent on the host, and hangs up afterwards. */
export async function withAgent<T>(cloud: Cloud, host: Host, work: (agent: RemoteAgent) => Promise<T>): Promise<T> {
  const archive = await agentArchive(cloud);
  const session = await logIn(host, cloud.signal);
  try {
    const agent = await installAgent(session, archive, { signal: cloud.signal });
    return await work(agent);
  } finally {
    await session.close();
  }
}

/** Backs up paths of a host into its own repository, which is created at the first time. */
export async function protectHost(cloud: Cloud, name: string, request: ProtectRequest): Promise<ProtectReport> {
  const host = await showHost(cloud.clients, cloud.ledger, name, { signal: cloud.signal });
  return withAgent(cloud, host, (agent) => runBackup(cloud, agent, host, request));
}

/** Runs one backup with an agent that is there already. */
export async function runBackup(
  cloud: Cloud,
  agent: RemoteAgent,
  host: Host,
  request: ProtectRequest,
): Promise<ProtectReport> {
  const access = await createAccess(cloud, storeOf(host));
  const recoveryKey = await ensureRepository(cloud, access, (key) => request.onRecoveryKey?.(key));
  const job: BackupJob = {
    schema: 1,
    kind: 'backup',
    repository: access,
    targets: [...request.targets],
    excludes: [...(request.excludes ?? [])],
    tags: [...(request.tags ?? [])],
    host: host.name,
  };
  const { result } = await agent.run(job, { onEvent: cloud.onEvent, signal: cloud.signal });
  return { ...(result as unknown as Omit<ProtectReport, 'recoveryKey'>), recoveryKey };
}
