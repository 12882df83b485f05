/** Which cloud a resource lives in: account, region and endpoint. */
import type { AwsClients } from './clients.ts';
import type { LedgerEntry } from './ledger.ts';

export interface CloudPlace {
  readonly region: string;
  readonly account: string;
  /** Null for AWS itself. */
  readonly endpoint: string | null;
}

export async function placeOf(clients: AwsClients): Promise<CloudPlace> {
  return { region: clients.region, account: (await clients.caller()).account, endpoint: clients.endpoint };
}

/**
 * Whether an entry lives where these clients look. A sandbox is known by its account, which it keeps; its port may be
 * another one after each start, so endpoints are compared only as AWS or not AWS. IAM has no regions, but what we make
 * there belongs to a host of one, and is looked after from there alone.
 */
export function isHere(entry: LedgerEntry, place: CloudPlace): boolean {
  if (entry.account !== place.account || (entry.endpoint === null) !== (place.endpoint === null)) return false;
  return entry.region === place.region;
}
