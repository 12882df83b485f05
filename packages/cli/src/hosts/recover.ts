/** Brings a snapshot back onto a host: logs in, brings the agent, restores and verifies there. */
import { type Host, type LaunchPlan, launchHost, showHost } from '@hostark/cloud';
import type { RestoreJob } from '@hostark/protocol';
import { existingAccess, type HostStore } from './access.ts';
import type { RemoteAgent } from './agent.ts';
import type { Cloud } from './cloud.ts';
import { withAgent } from './protect.ts';

export interface RecoverRequest {
  /** `latest`, an id or its beginning, with `:sub/folder` for a part. */
  readonly snapshot: string;
  /** Folder on the host to write below. */
  readonly target: string;
  readonly includes?: readonly string[];
  readonly overwrite?: RestoreJob['overwrite'];
}

/** What the agent answers about a restore. */
export interface RecoverReport {
  readonly filesRestored: number;
  readonly bytesRestored: number;
  readonly errorCount: number;
  readonly requests: Readonly<Record<string, number>>;
  readonly bytesDownloaded: number;
}

/** Launches a host that may read the backups of another, gone one. */
export async function launchReplacement(cloud: Cloud, plan: LaunchPlan): Promise<Host> {
  return launchHost(cloud.clients, plan, { ledger: cloud.ledger, onEvent: cloud.onEvent, signal: cloud.signal });
}

/** Restores onto a host by name. */
export async function recoverOnto(
  cloud: Cloud,
  store: HostStore,
  name: string,
  request: RecoverRequest,
): Promise<RecoverReport> {
  const host = await showHost(cloud.clients, cloud.ledger, name, { signal: cloud.signal });
  return withAgent(cloud, host, (agent) => runRestore(cloud, agent, store, request));
}

/** Runs one restore with an agent that is there already; every written file is read back and compared. */
export async function runRestore(
  cloud: Cloud,
  agent: RemoteAgent,
  store: HostStore,
  request: RecoverRequest,
): Promise<RecoverReport> {
  const job: RestoreJob = {
    schema: 1,
    kind: 'restore',
    repository: await existingAccess(cloud, store),
    snapshot: request.snapshot,
    target: request.target,
    includes: [...(request.includes ?? [])],
    overwrite: request.overwrite ?? 'always',
    verify: true,
  };
  const { result } = await agent.run(job, { onEvent: cloud.onEvent, signal: cloud.signal });
  return result as unknown as RecoverReport;
}
