/** Destroys hosts: everything of ours that belongs to one, in the order that AWS allows. Buckets are never touched. */
import type { AwsClients } from './clients.ts';
import type { Ledger, ResourceKind } from './ledger.ts';
import type { AskOptions, RunOptions } from './run.ts';

/** One resource to delete. `ledger` is the id of its ledger entry, null when only its tags are known. */
export interface Removal {
  readonly kind: ResourceKind;
  /** The id given by the cloud, or the name for kinds that have none (role, profile). */
  readonly id: string;
  readonly name: string;
  readonly host: string | null;
  readonly ledger: string | null;
}

export interface DestroyPlan {
  readonly kind: 'destroy';
  readonly name: string;
  readonly region: string;
  readonly account: string;
  /** In the order of deletion. */
  readonly removals: readonly Removal[];
}

export interface RemovalReport {
  readonly removed: readonly Removal[];
  /** What could not be removed, and why. */
  readonly leftovers: readonly (Removal & { readonly reason: string })[];
}

/** Finds what belongs to the host by tags and ledger. Throws 'host-not-found' when there is nothing at all. */
export function planDestroy(
  clients: AwsClients,
  ledger: Ledger,
  name: string,
  options: AskOptions = {},
): Promise<DestroyPlan> {
  throw new Error(`not implemented: ${clients.region} ${ledger.directory} ${name} ${options.signal}`);
}

/** Deletes in order; what is gone already counts as removed. Throws 'leftovers' when something stays. */
export function destroyHost(clients: AwsClients, plan: DestroyPlan, options: RunOptions): Promise<RemovalReport> {
  throw new Error(`not implemented: ${clients.region} ${plan.name} ${options.ledger.directory}`);
}
