/** Reconciles the ledger and the tags: what exists with our marks and belongs to no known host is removed. */
import type { AwsClients } from './clients.ts';
import { isHere, placeOf } from './cloud-place.ts';
import { readHostRecords, removeHostRecord } from './host-record.ts';
import { findOurs, type Removal } from './inventory.ts';
import type { Ledger } from './ledger.ts';
import { maintenanceRoles } from './maintenance.ts';
import { expectNothingLeft, type RemovalReport, removeAll } from './remove.ts';
import type { AskOptions, RunOptions } from './run.ts';
import { findVolumeThings } from './volume-litter.ts';

export interface CleanupPlan {
  readonly kind: 'cleanup';
  readonly region: string;
  readonly account: string;
  /** Left behind by runs of this state directory, in the order of deletion. */
  readonly removals: readonly Removal[];
  /** Belongs to a known host, or to a run that is still alive, or is data. */
  readonly kept: readonly (Removal & { readonly reason: string })[];
  /** Has our tags but was made from another state directory; among `removals` only when the plan was asked to. */
  readonly foreign: readonly Removal[];
  /** Ledger entries that turned out never to have existed, or to be gone. */
  readonly settled: readonly string[];
  /** Hosts this machine remembers but never finished launching or destroying: forgotten after the removal. */
  readonly forgotten: readonly string[];
}

export async function planCleanup(
  clients: AwsClients,
  ledger: Ledger,
  options: AskOptions & { readonly includeForeign?: boolean } = {},
): Promise<CleanupPlan> {
  const place = await placeOf(clients);
  const [found, entries, live, records] = [
    await findOurs(clients, null, options),
    await ledger.entries(),
    await ledger.liveRuns(),
    await readHostRecords(ledger.directory),
  ];
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const byHost = new Map(records.map((record) => [record.name, record]));
  const here = records.filter((record) => record.account === place.account && record.region === place.region);
  const removals: Removal[] = [];
  const foreign: Removal[] = [];
  const kept: (Removal & { reason: string })[] = [];
  // Only `host destroy` ends those, which looks for their backups first.
  const hostsOfOthers = new Set(
    found.filter(({ kind, ledger: id }) => kind === 'instance' && !byId.has(id ?? '')).map(({ host }) => host),
  );
  const maintenance = await maintenanceRoles(ledger.directory);
  for (const resource of found) {
    const entry = resource.ledger === null ? undefined : byId.get(resource.ledger);
    const record = entry?.host == null ? undefined : byHost.get(entry.host);
    if (entry === undefined) {
      const reason = options.includeForeign === true ? reasonToKeep(resource, hostsOfOthers) : null;
      if (reason !== null) kept.push({ ...resource, reason });
      else (options.includeForeign === true ? removals : foreign).push(resource);
    } else if (live.has(entry.run) || (record !== undefined && live.has(record.run))) {
      kept.push({ ...resource, reason: 'a run that is still alive works on it' });
    } else if (record?.state === 'ready') kept.push({ ...resource, reason: `belongs to host ${record.name}` });
    else if (resource.kind === 'role' && maintenance.has(resource.name)) {
      kept.push({ ...resource, reason: 'the maintenance role of a bucket: hostark bucket maintenance remove' });
    } else removals.push(resource);
  }
  const things = await findVolumeThings(clients, options);
  for (const { data, ...thing } of things) {
    const entry = thing.ledger === null ? undefined : byId.get(thing.ledger);
    if (data !== null) kept.push({ ...thing, reason: data });
    else if (entry === undefined) (options.includeForeign === true ? removals : foreign).push(thing);
    else if (live.has(entry.run)) kept.push({ ...thing, reason: 'a run that is still alive works on it' });
    else removals.push(thing);
  }
  const present = new Set([...found, ...things].map((resource) => resource.ledger));
  const settled = entries.filter(
    (entry) =>
      entry.state !== 'deleted' &&
      entry.kind !== 'bucket' && // buckets hold data and are not looked for here
      isHere(entry, place) &&
      !present.has(entry.id) &&
      !live.has(entry.run),
  );
  const forgotten = here.filter((record) => record.state !== 'ready' && !live.has(record.run));
  return {
    kind: 'cleanup',
    region: place.region,
    account: place.account,
    removals,
    kept,
    foreign,
    settled: settled.map((entry) => entry.id),
    forgotten: forgotten.map((record) => record.name),
  };
}

/** Why something of another state directory stays although foreign things are to go; null when it goes. */
function reasonToKeep({ kind, host }: Removal, hostsOfOthers: ReadonlySet<string | null>): string | null {
  if (kind === 'role' && host === null) return 'a maintenance role of another state directory';
  if (kind === 'adoption' || !hostsOfOthers.has(host)) return null;
  return `belongs to host ${host} of another state directory: hostark host destroy ${host}`;
}

/**
 * Removes what the plan says, as far as it still holds: while it was being read a run may have begun, continued or
 * finished something of it. Throws 'leftovers' when something stays. May be repeated.
 */
export async function runCleanup(clients: AwsClients, plan: CleanupPlan, options: RunOptions): Promise<RemovalReport> {
  const now = await planCleanup(clients, options.ledger, { ...options, includeForeign: true });
  const litter = new Set(now.removals.map(({ kind, id }) => `${kind} ${id}`));
  const removals = plan.removals.filter(({ kind, id }) => litter.has(`${kind} ${id}`));
  const report = await removeAll(clients, removals, options);
  for (const id of now.settled) await options.ledger.deleted(id);
  expectNothingLeft(report);
  for (const name of plan.forgotten)
    if (now.forgotten.includes(name)) await removeHostRecord(options.ledger.directory, name);
  return report;
}
