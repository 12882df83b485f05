/** A whole host from volume snapshots, as far as this machine can prove it: it runs, and lets us in. */
import {
  type Host,
  type HostRecoveryPlan,
  type HostRecoveryRequest,
  planHostRecovery,
  runHostRecovery,
} from '@hostark/cloud';
import type { Cloud } from './cloud.ts';
import { inRegion, knownRegions } from './regions.ts';
import { openSession } from './session.ts';

/**
 * Plans the recovery in the cloud's region, from snapshots there; or from another region: the one named, else those
 * that the ledger knows. A region that is lost is not asked as long as this one has what is needed.
 */
export async function planRecovery(
  cloud: Cloud,
  request: HostRecoveryRequest,
  from: string | null,
): Promise<HostRecoveryPlan> {
  const plan = (source: string | null): Promise<HostRecoveryPlan> =>
    source === null
      ? planHostRecovery(cloud.clients, null, cloud.ledger, request, cloud)
      : inRegion(cloud, source, (clients) => planHostRecovery(cloud.clients, clients, cloud.ledger, request, cloud));
  const host = request.what.startsWith('set-') ? undefined : request.what;
  const sources = from === null ? await knownRegions(cloud, host) : [from];
  return plan(sources[0] ?? null);
}

/** Resolves when the new host runs and has let us in. */
export async function recoverFromVolumes(cloud: Cloud, plan: HostRecoveryPlan): Promise<Host> {
  const host = await runHostRecovery(cloud.clients, plan, cloud);
  const session = await openSession(cloud, host);
  await session.close();
  return host;
}
