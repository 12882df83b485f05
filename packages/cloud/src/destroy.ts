/** Destroys hosts: everything of ours that belongs to one, in the order that AWS allows. Buckets are never touched. */
import { HostarkError } from '@hostark/protocol';
import type { AwsClients } from './clients.ts';
import { type CloudPlace, isHere, placeOf } from './cloud-place.ts';
import { withHostLock } from './host-lock.ts';
import { checkHostName } from './host-name.ts';
import { type HostRecord, readHostRecord, removeHostRecord, writeHostRecord } from './host-record.ts';
import { findOfHost, type Removal } from './inventory.ts';
import { type Ledger, outlivesHost } from './ledger.ts';
import { expectNothingLeft, type RemovalReport, removeAll } from './remove.ts';
import type { AskOptions, RunOptions } from './run.ts';

export interface DestroyPlan {
  readonly kind: 'destroy';
  readonly name: string;
  readonly region: string;
  readonly account: string;
  /** In the order of deletion. */
  readonly removals: readonly Removal[];
  /** Ids of open ledger entries of this host that do not exist (any more) in the cloud. */
  readonly settled: readonly string[];
}

/**
 * Finds what belongs to the host by its tags. Throws 'host-not-found' when there is nothing at all, and 'usage' for an
 * adopted host unless `adopted` says that its instance is to be ended too.
 */
export async function planDestroy(
  clients: AwsClients,
  ledger: Ledger,
  name: string,
  options: AskOptions & { readonly adopted?: boolean } = {},
): Promise<DestroyPlan> {
  checkHostName(name);
  const place = await placeOf(clients);
  const record = await readHostRecord(ledger.directory, name);
  const ours = await findOfHost(clients, ledger, record, name, options);
  const isAdopted = ours.some(({ kind }) => kind === 'adoption');
  if (isAdopted && options.adopted !== true) {
    throw new HostarkError('usage', `host ${name} was adopted, not launched: its instance and its disks are not ours`, {
      hint: `hostark host detach ${name} leaves it running as it was; --adopted destroys it all the same`,
    });
  }
  // Ended first: its group, its profile and our tags then need not be taken off it.
  const removals = [
    ...ours.filter(({ kind }) => kind === 'adoption').map((one): Removal => ({ ...one, kind: 'instance' })),
    ...ours.filter(({ kind }) => kind !== 'adoption'),
  ];
  const found = new Set(removals.map((removal) => removal.ledger));
  const settled = (await ledger.openResources())
    .filter((entry) => entry.host === name && isHere(entry, place) && !found.has(entry.id) && !outlivesHost(entry.kind))
    .map((entry) => entry.id);
  if (removals.length === 0 && settled.length === 0 && record === null) {
    throw new HostarkError('host-not-found', `host ${name}: nothing with this name in ${place.region}`, {
      hint: 'hostark host list; another --region or --profile may have it',
    });
  }
  if (record !== null) checkRecordPlace(record, place);
  return { kind: 'destroy', name, region: place.region, account: place.account, removals, settled };
}

/** Without this, a look into the wrong account would find nothing, and the key to a host that still runs be forgotten. */
export function checkRecordPlace(record: HostRecord, place: CloudPlace): void {
  if (record.account === place.account && record.region === place.region) return;
  const elsewhere = record.account !== place.account;
  throw new HostarkError(
    'host-not-found',
    `host ${record.name}: expected in account ${place.account}, ${place.region}; this machine knows it in ${record.account}, ${record.region}`,
    {
      hint: elsewhere
        ? `use credentials of account ${record.account}; if that account or sandbox is gone, remove hosts/${record.name} from the state directory`
        : `give --region ${record.region}`,
    },
  );
}

/** Deletes in order; what is gone already counts as removed. Throws 'leftovers' when something stays. May be repeated. */
export async function destroyHost(clients: AwsClients, plan: DestroyPlan, options: RunOptions): Promise<RemovalReport> {
  return withHostLock(options.ledger.directory, plan.name, () => destroy(clients, plan, options));
}

async function destroy(clients: AwsClients, plan: DestroyPlan, options: RunOptions): Promise<RemovalReport> {
  const { ledger } = options;
  const run = await ledger.begin();
  try {
    const record = await readHostRecord(ledger.directory, plan.name);
    // From here on cleanup may finish what we cannot.
    if (record !== null) await writeHostRecord(ledger.directory, { ...record, state: 'destroying', run });
    const report = await removeAll(clients, plan.removals, options);
    for (const id of plan.settled) await ledger.deleted(id);
    expectNothingLeft(report);
    await removeHostRecord(ledger.directory, plan.name);
    return report;
  } finally {
    await ledger.end(run);
  }
}
