/** Detaches an adopted host: undoes what the adoption changed, and leaves the host running. Its backups stay. */
import { HostarkError } from '@hostark/protocol';
import type { AwsClients } from './clients.ts';
import { isHere, placeOf } from './cloud-place.ts';
import { checkRecordPlace } from './destroy.ts';
import { withHostLock } from './host-lock.ts';
import { checkHostName } from './host-name.ts';
import { readHostRecord, removeHostRecord, writeHostRecord } from './host-record.ts';
import { describeInstance } from './instance.ts';
import { findOfHost, type Removal } from './inventory.ts';
import { type Ledger, outlivesHost } from './ledger.ts';
import { expectNothingLeft, type RemovalReport, removeAll } from './remove.ts';
import type { AskOptions, RunOptions } from './run.ts';
import { readTags, TAG_REPLACED } from './tags.ts';

export interface DetachPlan {
  readonly kind: 'detach';
  readonly name: string;
  readonly region: string;
  readonly account: string;
  /** Null when the instance is gone, or carries our tags no more. */
  readonly instanceId: string | null;
  /** ARN of the instance profile that comes back; null for none. */
  readonly restoredProfile: string | null;
  /** What is undone, in order. */
  readonly removals: readonly Removal[];
  /** Ids of open ledger entries of this host that do not exist (any more) in the cloud. */
  readonly settled: readonly string[];
}

/** Finds what the adoption made. Throws 'host-not-found', and 'usage' for a host that was launched. */
export async function planDetach(
  clients: AwsClients,
  ledger: Ledger,
  name: string,
  options: AskOptions = {},
): Promise<DetachPlan> {
  checkHostName(name);
  const place = await placeOf(clients);
  const record = await readHostRecord(ledger.directory, name);
  if (record !== null) checkRecordPlace(record, place);
  const removals = await findOfHost(clients, ledger, record, name, options);
  if (record?.origin === 'launched' || removals.some(({ kind }) => kind === 'instance')) {
    throw new HostarkError('usage', `host ${name} was launched, not adopted: everything about it is ours`, {
      hint: `to be rid of it: hostark host destroy ${name}`,
    });
  }
  const found = new Set(removals.map((removal) => removal.ledger));
  const settled = (await ledger.openResources())
    .filter((entry) => entry.host === name && isHere(entry, place) && !found.has(entry.id) && !outlivesHost(entry.kind))
    .map((entry) => entry.id);
  if (removals.length === 0 && settled.length === 0 && record === null) {
    throw new HostarkError('host-not-found', `host ${name}: nothing with this name in ${place.region}`, {
      hint: 'hostark host list; another --region or --profile may have it',
    });
  }
  const instanceId = removals.find(({ kind }) => kind === 'adoption')?.id ?? null;
  const instance = instanceId === null ? null : await describeInstance(clients, instanceId, options);
  const { region, account } = place;
  const restoredProfile = readTags(instance?.Tags)[TAG_REPLACED] ?? null;
  return { kind: 'detach', name, region, account, instanceId, restoredProfile, removals, settled };
}

/** Undoes in order; what is undone already counts. Throws 'leftovers' when something stays. May be repeated. */
export async function detachHost(clients: AwsClients, plan: DetachPlan, options: RunOptions): Promise<RemovalReport> {
  const { ledger } = options;
  return withHostLock(ledger.directory, plan.name, async () => {
    const run = await ledger.begin();
    try {
      const record = await readHostRecord(ledger.directory, plan.name);
      if (record !== null) await writeHostRecord(ledger.directory, { ...record, state: 'detaching', run });
      const report = await removeAll(clients, plan.removals, options);
      for (const id of plan.settled) await ledger.deleted(id);
      expectNothingLeft(report);
      await removeHostRecord(ledger.directory, plan.name);
      return report;
    } finally {
      await ledger.end(run);
    }
  });
}
