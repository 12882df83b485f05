/** Brings a snapshot back onto a host: logs in, brings the agent, restores and verifies there. */
import { finishHost, type Host, type LaunchPlan, launchHost, showHost } from '@hostark/cloud';
import type { RestoreJob } from '@hostark/protocol';
import { existingAccess, type HostStore } from './access.ts';
import type { RemoteAgent } from './agent.ts';
import type { Cloud } from './cloud.ts';
import { withAgent } from './protect.ts';
import type { Via } from './session.ts';

/** What is brought back, and how. Everything but `snapshot` and `target` may be left out. */
export interface RecoverRequest
  extends Partial<Pick<RestoreJob, 'overwrite' | 'delete' | 'dryRun' | 'rates' | 'maxCpu'>> {
  /** `latest`, an id or its beginning, with `:sub/folder` for a part. */
  readonly snapshot: string;
  /** Folder to write below. */
  readonly target: string;
  readonly includes?: readonly string[];
  readonly excludes?: readonly string[];
  /** How a host is reached; default 'auto'. */
  readonly via?: Via;
}

/** What came of a restore, on a host or here. */
export interface RecoverReport {
  readonly filesTotal: number;
  readonly filesRestored: number;
  readonly filesSkipped: number;
  readonly filesDeleted: number;
  readonly bytesTotal: number;
  readonly bytesRestored: number;
  /** Files that were read back and found right. */
  readonly filesVerified: number | null;
  readonly errorCount: number;
  readonly requests: Readonly<Record<string, number>>;
  readonly bytesDownloaded: number;
}

/**
 * Launches a host that may read the backups of another, gone one, and restores onto it. Until the restore is done the
 * host counts as half made: a run that is cut off is continued by the next of the same name, or removed by cleanup.
 */
export async function recoverOntoNew(
  cloud: Cloud,
  store: HostStore,
  plan: LaunchPlan,
  request: RecoverRequest,
): Promise<RecoverReport> {
  const { ledger, onEvent, signal } = cloud;
  const run = await ledger.begin();
  try {
    const host = await launchHost(cloud.clients, plan, { ledger, onEvent, signal, run });
    const report = await onHost(cloud, host, store, request);
    await finishHost(ledger, plan.name);
    return report;
  } finally {
    await ledger.end(run);
  }
}

/** Restores onto a host by name. */
export async function recoverOnto(
  cloud: Cloud,
  store: HostStore,
  name: string,
  request: RecoverRequest,
): Promise<RecoverReport> {
  return onHost(cloud, await showHost(cloud.clients, cloud.ledger, name, { signal: cloud.signal }), store, request);
}

function onHost(cloud: Cloud, host: Host, store: HostStore, request: RecoverRequest): Promise<RecoverReport> {
  return withAgent(cloud, host, (agent) => runRestore(cloud, agent, store, request), request.via);
}

/** Runs one restore with an agent that is there already; every written file is read back and compared. */
export async function runRestore(
  cloud: Cloud,
  agent: RemoteAgent,
  store: HostStore,
  request: RecoverRequest,
): Promise<RecoverReport> {
  const { includes = [], excludes = [], via: _way, ...how } = request;
  const job: RestoreJob = {
    schema: 1,
    kind: 'restore',
    repository: await existingAccess(cloud, store),
    ...how,
    includes: [...includes],
    excludes: [...excludes],
    overwrite: request.overwrite ?? 'always',
    verify: request.dryRun !== true,
  };
  const { result } = await agent.run(job, { onEvent: cloud.onEvent, signal: cloud.signal });
  return result as unknown as RecoverReport;
}
