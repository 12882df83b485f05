/** Where a snapshot goes: a folder of this machine, a host that runs, or a new one that is planned but not there yet. */
import { type LaunchPlan, listHosts, planLaunch, showHost, unfinishedHosts } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import type { HostStore } from './access.ts';
import type { Cloud } from './cloud.ts';
import { type LaunchFlags, launchChoices } from './launch-flags.ts';

/** A new host is planned already: it fits, and nothing of it exists but what a run of the same name left that was cut off. */
export type Destination =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'host'; readonly name: string }
  | { readonly kind: 'new'; readonly name: string; readonly continues: boolean; readonly plan: LaunchPlan };

/** Whether `--to` names a folder; hosts' names have no slash. */
export function isFolder(to: string): boolean {
  return to.startsWith('/') || to.startsWith('./') || to.startsWith('../') || to === '.' || to === '..';
}

/** Whether `--to` asks for a new host. */
export function isNewHost(to: string): boolean {
  return to === 'new' || to.startsWith('new:');
}

/** Throws 'host-not-found' for a host that is not there, 'usage' for a new one that is there or does not fit. */
export async function destination(
  cloud: Cloud,
  store: HostStore,
  to: string,
  flags: LaunchFlags,
): Promise<Destination> {
  if (isFolder(to)) return { kind: 'folder', path: to };
  if (!isNewHost(to)) {
    const { name } = await showHost(cloud.clients, cloud.ledger, to, { signal: cloud.signal });
    return { kind: 'host', name };
  }
  const { name, continues } = await newName(cloud, store, to);
  const plan = await planLaunch(
    cloud.clients,
    { ...launchChoices(flags), name, bucket: store.bucket, prefix: store.prefix },
    { signal: cloud.signal },
  );
  return { kind: 'new', name, continues, plan };
}

/** A recovery from the same backups that was cut off is gone on with: else each try would leave a host behind. */
async function newName(cloud: Cloud, store: HostStore, to: string): Promise<{ name: string; continues: boolean }> {
  const unfinished = (await unfinishedHosts(cloud.clients, cloud.ledger))
    .filter(({ bucket, prefix }) => bucket === store.bucket && prefix === store.prefix)
    .map(({ name }) => name);
  const taken = new Set((await listHosts(cloud.clients, cloud.ledger, cloud)).map((host) => host.name));
  const wanted = to === 'new' ? null : to.slice('new:'.length);
  const begun = unfinished.find((name) => (wanted === null ? isNumbered(name, store.host) : name === wanted));
  if (begun !== undefined) return { name: begun, continues: true };
  if (wanted === null) return { name: freeName(store.host, taken), continues: false };
  if (!taken.has(wanted)) return { name: wanted, continues: false };
  throw new HostarkError('usage', `--to ${to}: expected a name for a new host, host ${wanted} exists`, {
    hint: `give --to ${wanted} to restore onto it, or another name`,
  });
}

const isNumbered = (name: string, base: string): boolean =>
  name === base || (name.startsWith(`${base}-`) && /^\d+$/.test(name.slice(base.length + 1)));

/** `web`, or `web-2`, `web-3` … while the name is taken. */
function freeName(wanted: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wanted)) return wanted;
  for (let n = 2; ; n++) if (!taken.has(`${wanted}-${n}`)) return `${wanted}-${n}`;
}
