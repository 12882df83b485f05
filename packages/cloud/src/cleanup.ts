/** Reconciles the ledger and the tags: what exists with our marks and belongs to no known host is removed. */
import type { AwsClients } from './clients.ts';
import type { Removal, RemovalReport } from './destroy.ts';
import type { Ledger } from './ledger.ts';
import type { AskOptions, RunOptions } from './run.ts';

export interface CleanupPlan {
  readonly kind: 'cleanup';
  readonly region: string;
  readonly account: string;
  /** Left behind by runs of this state directory, in the order of deletion. */
  readonly removals: readonly Removal[];
  /** Belongs to a known host, or to a run that is still alive. */
  readonly kept: readonly (Removal & { readonly reason: string })[];
  /** Has our tags but was made from another state directory; removed only when the plan was asked to. */
  readonly foreign: readonly Removal[];
  /** Ledger entries that turned out never to have existed, or to be gone. */
  readonly settled: readonly string[];
}

export function planCleanup(
  clients: AwsClients,
  ledger: Ledger,
  options: AskOptions & { readonly includeForeign?: boolean } = {},
): Promise<CleanupPlan> {
  throw new Error(`not implemented: ${clients.region} ${ledger.directory} ${options.includeForeign}`);
}

/** Removes what the plan says. Throws 'leftovers' when something stays. */
export function runCleanup(clients: AwsClients, plan: CleanupPlan, options: RunOptions): Promise<RemovalReport> {
  throw new Error(`not implemented: ${clients.region} ${plan.removals.length} ${options.ledger.directory}`);
}
