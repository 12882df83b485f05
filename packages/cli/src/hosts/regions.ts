/** The same cloud in another region: copies and recoveries look at two. */
import { type AwsClients, awsClients } from '@hostark/cloud';
import type { Cloud } from './cloud.ts';

/** Runs `work` with clients of a region, made as the cloud's own were; those of its own region are reused. */
export async function inRegion<T>(cloud: Cloud, region: string, work: (clients: AwsClients) => Promise<T>): Promise<T> {
  if (region === cloud.clients.region) return work(cloud.clients);
  const clients = await awsClients({ ...cloud.credentials, region });
  try {
    return await work(clients);
  } finally {
    clients.close();
  }
}

/** Regions other than the clients' own where this machine's ledger knows snapshots of volumes; newest first. */
export async function knownRegions(cloud: Cloud, host?: string): Promise<readonly string[]> {
  const { account } = await cloud.clients.caller();
  const entries = (await cloud.ledger.openResources()).filter(
    (entry) => entry.kind === 'snapshot' && entry.account === account && (host === undefined || entry.host === host),
  );
  const regions = new Set(entries.toReversed().map((entry) => entry.region));
  regions.delete(cloud.clients.region);
  return [...regions];
}
