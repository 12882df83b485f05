/** `hostark recover SNAPSHOT --from HOST --to new | HOST | DIR`. */
import { type LaunchPlan, listHosts, planLaunch, showHost } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import type { CommandContext } from '../context.ts';
import { type HostStore, hostPrefix, storeOf } from '../hosts/access.ts';
import { type Cloud, type CloudFlags, withCloud } from '../hosts/cloud.ts';
import { type LaunchFlags, launchChoices, launchLines } from '../hosts/launch-flags.ts';
import { launchReplacement, type RecoverReport, type RecoverRequest, recoverOnto } from '../hosts/recover.ts';
import { type FoundBackup, findBackup, recoverInto } from '../hosts/recover-into.ts';
import { formatBytes, plural } from '../terminal/format.ts';
import type { CommandCode } from '../tree/command.ts';

interface RecoverFlags extends CloudFlags, LaunchFlags {
  readonly to: string;
  readonly from: string;
  readonly bucket?: string;
  readonly target: string;
  readonly include?: string[];
  readonly overwrite: NonNullable<RecoverRequest['overwrite']>;
}

/** Where a snapshot goes. A new host is planned already: it fits, and nothing of it exists. */
type Destination =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'host'; readonly name: string }
  | { readonly kind: 'new'; readonly name: string; readonly plan: LaunchPlan };

export const recover: CommandCode<RecoverFlags> = async (context, flags, [spec]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const store = await findStore(cloud, flags);
    const found = await findBackup(cloud, store, spec!); // refused before anything is launched
    const to = await destination(cloud, store, flags);
    if (flags.dryRun) {
      tellPlan(context, found, to, flags);
      return 0;
    }
    const request: RecoverRequest = {
      snapshot: found.spec,
      target: to.kind === 'folder' ? to.path : flags.target,
      overwrite: flags.overwrite,
      ...(flags.include === undefined ? {} : { includes: flags.include }),
    };
    const report = await bringBack(context, cloud, store, to, request);
    const where = to.kind === 'folder' ? `in ${to.path}` : `on ${to.name}`;
    out.data({ message_type: 'summary', ...(to.kind === 'folder' ? {} : { host: to.name }), ...report });
    if (report.errorCount > 0) {
      throw new HostarkError(
        'restore-incomplete',
        `${plural(report.errorCount, 'item')} could not be restored ${where}, the rest was`,
        { hint: 'see the errors above; run it again, or `hostark check --read-data` on the repository' },
      );
    }
    out.print(
      `${plural(report.filesRestored, 'file')}, ${formatBytes(report.bytesRestored)} restored and verified ${where}`,
    );
    return 0;
  });
};

async function bringBack(
  context: CommandContext,
  cloud: Cloud,
  store: HostStore,
  to: Destination,
  request: RecoverRequest,
): Promise<RecoverReport> {
  if (to.kind === 'folder') return recoverInto(context, cloud, store, request);
  if (to.kind === 'new') {
    await launchReplacement(cloud, to.plan);
    context.out.say(`host ${to.name} runs now; to be rid of it: hostark host destroy ${to.name}`);
  }
  return recoverOnto(cloud, store, to.name, request);
}

function tellPlan({ out }: CommandContext, found: FoundBackup, to: Destination, flags: RecoverFlags): void {
  const { snapshot } = found;
  out.data({ message_type: 'plan', snapshot: snapshot.id, to, target: flags.target, overwrite: flags.overwrite });
  if (to.kind === 'new') for (const line of launchLines(to.plan)) out.print(`would create: ${line}`);
  const size = snapshot.summary === null ? '' : `, ${formatBytes(snapshot.summary.totalBytesProcessed)}`;
  const where = to.kind === 'folder' ? to.path : `${flags.target} of host ${to.name}`;
  out.print(
    `would restore ${found.spec.replace(snapshot.id, snapshot.id.slice(0, 8))} (${snapshot.paths.join(' ')}${size}) below ${where}; files that exist: ${flags.overwrite}`,
  );
}

const isDirectory = (to: string): boolean =>
  to.startsWith('/') || to.startsWith('./') || to.startsWith('../') || to === '.' || to === '..';

/** Throws 'host-not-found' for a host that is not there, 'usage' for a new one that is there or does not fit. */
async function destination(cloud: Cloud, store: HostStore, flags: RecoverFlags): Promise<Destination> {
  const { to } = flags;
  if (isDirectory(to)) return { kind: 'folder', path: to };
  if (to !== 'new' && !to.startsWith('new:')) {
    const { name } = await showHost(cloud.clients, cloud.ledger, to, { signal: cloud.signal });
    return { kind: 'host', name };
  }
  const taken = new Set((await listHosts(cloud.clients, cloud.ledger, cloud)).map((host) => host.name));
  const name = to === 'new' ? freeName(store.host, taken) : to.slice('new:'.length);
  if (taken.has(name)) {
    throw new HostarkError('usage', `--to ${to}: expected a name for a new host, host ${name} exists`, {
      hint: `give --to ${name} to restore onto it, or another name`,
    });
  }
  const plan = await planLaunch(
    cloud.clients,
    { ...launchChoices(flags), name, bucket: store.bucket, prefix: store.prefix },
    { signal: cloud.signal },
  );
  return { kind: 'new', name, plan };
}

/** `web`, or `web-2`, `web-3` … while the name is taken. */
function freeName(wanted: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wanted)) return wanted;
  for (let n = 2; ; n++) if (!taken.has(`${wanted}-${n}`)) return `${wanted}-${n}`;
}

/** Where the backups are: as told, or from the host if it still runs. */
async function findStore(cloud: Cloud, flags: RecoverFlags): Promise<HostStore> {
  if (flags.bucket !== undefined) return { host: flags.from, bucket: flags.bucket, prefix: hostPrefix(flags.from) };
  const running = (await listHosts(cloud.clients, cloud.ledger, cloud)).find((host) => host.name === flags.from);
  if (running !== undefined) return storeOf(running);
  throw new HostarkError('host-not-found', `there is no running host ${flags.from}, so its bucket is not known`, {
    hint: `add --bucket NAME`,
  });
}
