/** Backs up a host: logs in, brings the agent, runs the backup there. Used by `protect` and the demo. */
import { type Host, showHost } from '@hostark/cloud';
import type { BackupJob, RepositoryAccess } from '@hostark/protocol';
import type { AgentPriority, AgentRunOptions } from '@hostark/remote';
import { createAccess, newPassword, storeOf } from './access.ts';
import { installAgent, type RemoteAgent } from './agent.ts';
import type { Cloud } from './cloud.ts';
import { ensureRepository } from './host-repository.ts';
import { openSession, type Via } from './session.ts';

/** What is saved of a host, and how. Everything but `targets`, or `stream` instead of them, may be left out. */
export interface ProtectRequest
  extends Partial<
    Pick<
      BackupJob,
      | 'stream'
      | 'excludes'
      | 'iexcludes'
      | 'excludeLargerThan'
      | 'excludeCaches'
      | 'excludeIfPresent'
      | 'oneFileSystem'
      | 'tags'
      | 'hooks'
      | 'freeze'
      | 'rates'
      | 'maxCpu'
      | 'workers'
    >
  > {
  /** Absolute paths on the host. */
  readonly targets: readonly string[];
  /** How the host is reached; default 'auto'. */
  readonly via?: Via;
  /** Of the agent and what it starts. */
  readonly priority?: AgentPriority;
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
  /** What was wrong with the command after the backup; null when there was none, or nothing was. */
  readonly postFailure: string | null;
  /** A second password for the repository, only when this backup created it. To be shown once, then forgotten. */
  readonly recoveryKey: string | null;
}

/** Runs `work` with an agent on the host, and hangs up afterwards. */
export async function withAgent<T>(
  cloud: Cloud,
  host: Host,
  work: (agent: RemoteAgent) => Promise<T>,
  via: Via = 'auto',
): Promise<T> {
  const session = await openSession(cloud, host, via);
  try {
    const agent = await installAgent(cloud, session, { signal: cloud.signal });
    return await work(agent);
  } finally {
    await session.close();
  }
}

/** Backs up paths of a host into its own repository, which is created at the first time. */
export async function protectHost(cloud: Cloud, name: string, request: ProtectRequest): Promise<ProtectReport> {
  const host = await showHost(cloud.clients, cloud.ledger, name, { signal: cloud.signal });
  return withAgent(cloud, host, (agent) => runBackup(cloud, agent, host, request), request.via);
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
  const { result } = await agent.run(backupJob(access, host, request), runOptions(cloud, request));
  return { ...(result as unknown as Omit<ProtectReport, 'recoveryKey'>), recoveryKey };
}

/** What a backup would save, found by the agent without writing anything: the summary of a run that is not made. */
export type RehearsalReport = Pick<ProtectReport, 'errorCount' | 'summary'>;

/** Has the agent read everything and write nothing. No command before or after runs, and nothing is frozen. */
export async function rehearseBackup(
  cloud: Cloud,
  agent: RemoteAgent,
  host: Host,
  request: ProtectRequest,
  access: RepositoryAccess | null,
): Promise<RehearsalReport> {
  const job = backupJob(access ?? { location: 'memory', password: newPassword() }, host, request);
  const rehearsal = { ...job, dryRun: true, noRepository: access === null };
  const { result } = await agent.run(rehearsal, runOptions(cloud, request));
  const { errorCount, summary } = result as unknown as RehearsalReport;
  return { errorCount, summary };
}

function backupJob(repository: RepositoryAccess, host: Host, request: ProtectRequest): BackupJob {
  const { targets, via: _way, priority: _here, onRecoveryKey: _too, ...more } = request;
  return { schema: 1, kind: 'backup', repository, targets: [...targets], host: host.name, ...more };
}

/** A stop waits for the command after the backup: what was halted before must be started again. */
function runOptions(cloud: Cloud, { hooks, priority }: ProtectRequest): AgentRunOptions {
  const postMs = hooks?.post === undefined ? 0 : hooks.timeoutSeconds * 1000;
  return {
    onEvent: cloud.onEvent,
    signal: cloud.signal,
    graceMs: GRACE_MS + postMs,
    ...(priority === undefined ? {} : { nice: priority }),
  };
}

/** An agent that is asked to stop uploads what it has read so far. */
const GRACE_MS = 30_000;
