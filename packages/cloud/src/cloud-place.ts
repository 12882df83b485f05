/** Which cloud a resource lives in: account, region and endpoint. */
import type { AwsClients } from './clients.ts';
import type { LedgerEntry, ResourceKind } from './ledger.ts';

export interface CloudPlace {
  readonly region: string;
  readonly account: string;
  /** Null for AWS itself. */
  readonly endpoint: string | null;
}

export async function placeOf(clients: AwsClients): Promise<CloudPlace> {
  return { region: clients.region, account: (await clients.caller()).account, endpoint: clients.endpoint };
}

/** IAM has no regions: a role is the same from everywhere. */
export function isGlobal(kind: ResourceKind): boolean {
  return kind === 'role' || kind === 'instance-profile';
}

/**
 * Whether an entry lives where these clients look. A sandbox is known by its account, which it keeps; its port may be
 * another one after each start, so endpoints are compared only as AWS or not AWS.
 */
export function isHere(entry: LedgerEntry, place: CloudPlace): boolean {
  if (entry.account !== place.account || (entry.endpoint === null) !== (place.endpoint === null)) return false;
  return isGlobal(entry.kind) || entry.region === place.region;
}
