/** `hostark recover SNAPSHOT --from HOST --to new | HOST | DIR`. */
import { checkHostName, listHosts, locateBucket } from '@hostark/cloud';
import { HostarkError, type RepositoryAccess } from '@hostark/protocol';
import type { CommandContext } from '../context.ts';
import { existingAccess, type HostStore, hostPrefix, storeOf } from '../hosts/access.ts';
import { type Cloud, type CloudFlags, withCloud } from '../hosts/cloud.ts';
import { type LaunchFlags, launchLines } from '../hosts/launch-flags.ts';
import { OWN_FILES, sparesOwnFiles, sparingOwnFiles } from '../hosts/own-files.ts';
import { limitRates } from '../hosts/protect-flags.ts';
import { type RecoverReport, type RecoverRequest, recoverOnto, recoverOntoNew } from '../hosts/recover.ts';
import { type FoundBackup, findBackup, recoverInto } from '../hosts/recover-into.ts';
import { type Destination, destination, isFolder, isNewHost } from '../hosts/recover-to.ts';
import { adoptRepository, readRecoveryKey, recoveryAccess } from '../hosts/recovery-key.ts';
import { inRegion } from '../hosts/regions.ts';
import type { Via } from '../hosts/session.ts';
import { type MaxCpuFlags, parseMaxCpu } from '../repository/max-cpu.ts';
import type { GlobalFlags } from '../repository/settings.ts';
import { confirm } from '../terminal/confirm.ts';
import { formatBytes, plural } from '../terminal/format.ts';
import type { CommandCode } from '../tree/command.ts';

interface RecoverFlags extends CloudFlags, LaunchFlags, MaxCpuFlags {
  readonly to: string;
  readonly toRegion?: string;
  readonly from: string;
  readonly bucket?: string;
  readonly prefix?: string;
  readonly recoveryKeyFile?: string;
  readonly target: string;
  readonly include?: string[];
  readonly exclude?: string[];
  readonly delete?: boolean;
  readonly via: Via;
  readonly overwrite: NonNullable<RecoverRequest['overwrite']>;
}

export const recover: CommandCode<RecoverFlags> = async (context, flags, [spec]) => {
  checkFlags(flags);
  const recoveryKey = flags.recoveryKeyFile === undefined ? null : await readRecoveryKey(flags.recoveryKeyFile);
  return withCloud(context, flags, async (here) => {
    const store = await findStore(here, flags);
    const access = recoveryKey === null ? await existingAccess(here, store) : recoveryAccess(here, store, recoveryKey);
    const found = await findBackup(here, access, spec!); // refused before anything is launched
    return withCloudIn(here, flags.toRegion, async (cloud) => {
      const to = await destination(cloud, store, flags.to, flags);
      const request = requestOf(flags, to, found);
      if (flags.dryRun)
        return tellPlan(context, { cloud, store, access, found, to, request, local: recoveryKey === null });
      if (flags.delete) await confirmDeletion(context, flags, to, request);
      if (recoveryKey !== null && to.kind !== 'folder') await adoptRepository(cloud, store, recoveryKey);
      return report(context, to, await bringBack(context, cloud, store, access, to, request));
    });
  });
};

function checkFlags(flags: RecoverFlags & GlobalFlags): void {
  if (flags.toRegion !== undefined && !isNewHost(flags.to))
    throw new HostarkError('usage', '--to-region: expected a new host to launch there', {
      hint: '--to new; a host that runs is found with --region',
    });
  if (flags.maxCpu !== undefined) parseMaxCpu(flags.maxCpu);
  limitRates(flags);
  if (flags.include !== undefined && flags.exclude !== undefined)
    throw new HostarkError('usage', 'expected either include or exclude patterns, got both');
  const below = isFolder(flags.to) ? flags.to : flags.target;
  if (flags.delete && below === '/' && flags.include === undefined)
    throw new HostarkError('usage', '--delete: expected --include or a --target below /', {
      hint: 'without them it would remove whatever of the whole system is not in the snapshot',
    });
}

function requestOf(flags: RecoverFlags & GlobalFlags, to: Destination, found: FoundBackup): RecoverRequest {
  const rates = limitRates(flags);
  const request: RecoverRequest = {
    snapshot: found.spec,
    target: to.kind === 'folder' ? to.path : flags.target,
    overwrite: flags.overwrite,
    via: flags.via,
    ...(flags.delete ? { delete: true } : {}),
    ...(flags.include === undefined ? {} : { includes: flags.include }),
    ...(flags.exclude === undefined ? {} : { excludes: flags.exclude }),
    ...(rates === null ? {} : { rates }),
    ...(flags.maxCpu === undefined ? {} : { maxCpu: parseMaxCpu(flags.maxCpu) }),
  };
  return to.kind === 'folder' ? request : sparingOwnFiles(request);
}

async function confirmDeletion(
  context: CommandContext,
  flags: RecoverFlags,
  to: Destination,
  { target }: RecoverRequest,
): Promise<void> {
  const where = to.kind === 'folder' ? target : `${target} on ${to.name}`;
  await confirm(context, flags.yes, `this removes what is below ${where} and not in the snapshot`, 'delete');
}

async function bringBack(
  context: CommandContext,
  cloud: Cloud,
  store: HostStore,
  access: RepositoryAccess,
  to: Destination,
  request: RecoverRequest,
): Promise<RecoverReport> {
  if (to.kind === 'folder') return recoverInto(context, cloud, access, request);
  if (to.kind === 'host') return recoverOnto(cloud, store, to.name, request);
  if (to.continues) context.out.say(`going on with host ${to.name}, which an earlier run left half made`);
  const report = await recoverOntoNew(cloud, store, to.plan, request);
  context.out.say(`host ${to.name} runs now; to be rid of it: hostark host destroy ${to.name}`);
  return report;
}

function report({ out }: CommandContext, to: Destination, found: RecoverReport): number {
  const where = to.kind === 'folder' ? `in ${to.path}` : `on ${to.name}`;
  out.data({ message_type: 'summary', ...(to.kind === 'folder' ? {} : { host: to.name }), ...found });
  if (found.errorCount > 0) {
    throw new HostarkError(
      'restore-incomplete',
      `${plural(found.errorCount, 'item')} could not be restored ${where}, the rest was`,
      { hint: 'see the errors above; run it again, or `hostark check --read-data` on the repository' },
    );
  }
  out.print(`${plural(found.filesRestored, 'item')}, ${formatBytes(found.bytesRestored)} restored ${where}`);
  if (found.filesSkipped > 0) out.print(`${plural(found.filesSkipped, 'item')} left as they were`);
  if (found.filesDeleted > 0) out.print(`${plural(found.filesDeleted, 'item')} deleted`);
  if (found.filesVerified !== null) out.print(`${plural(found.filesVerified, 'file')} read back and verified`);
  return 0;
}

interface Planned {
  readonly cloud: Cloud;
  readonly store: HostStore;
  readonly access: RepositoryAccess;
  readonly found: FoundBackup;
  readonly to: Destination;
  readonly request: RecoverRequest;
  /** Whether this machine has a key of its own: the recovery key is sent to no host, not even for a rehearsal. */
  readonly local: boolean;
}

async function tellPlan(context: CommandContext, planned: Planned): Promise<number> {
  const { out } = context;
  const { found, to, request, store } = planned;
  const { snapshot } = found;
  out.data({ message_type: 'plan', to, bucket: store.bucket, prefix: store.prefix, ...request, snapshot: snapshot.id });
  if (to.kind === 'new') for (const line of launchLines(to.plan)) out.print(`would create: ${line}`);
  const size = snapshot.summary === null ? '' : `, ${formatBytes(snapshot.summary.totalBytesProcessed)}`;
  const where = to.kind === 'folder' ? to.path : `${request.target} of host ${to.name}`;
  out.print(
    `would restore ${found.spec.replace(snapshot.id, snapshot.id.slice(0, 8))} (${snapshot.paths.join(' ')}${size}) below ${where}; files that exist: ${request.overwrite}`,
  );
  if (to.kind !== 'folder' && sparesOwnFiles(request)) out.print(`would leave alone: ${OWN_FILES.join(' ')}`);
  const seen = await rehearse(context, planned);
  if (seen === null) return 0;
  out.data({ message_type: 'summary', dry_run: true, ...seen });
  out.print(
    `would write ${plural(seen.filesRestored, 'item')}, ${formatBytes(seen.bytesRestored)}; leave ${seen.filesSkipped} as they are; delete ${seen.filesDeleted}`,
  );
  return 0;
}

/** Compares with what is there already, and writes nothing. Null where there is nothing to compare with. */
async function rehearse(
  context: CommandContext,
  { cloud, store, access, to, request, local }: Planned,
): Promise<RecoverReport | null> {
  const dry = { ...request, dryRun: true };
  if (to.kind === 'folder') return recoverInto(context, cloud, access, dry);
  return to.kind === 'host' && local ? recoverOnto(cloud, store, to.name, dry) : null;
}

/** Where the backups are: as told, or from the host if it still runs; and the region of their bucket, wherever that is. */
async function findStore(cloud: Cloud, flags: RecoverFlags): Promise<HostStore> {
  const store = await namedStore(cloud, flags);
  return { ...store, region: await locateBucket(cloud.clients, store.bucket) };
}

async function namedStore(cloud: Cloud, { from, bucket, prefix }: RecoverFlags): Promise<HostStore> {
  if (bucket !== undefined) {
    if (prefix === undefined) checkHostName(from);
    return { host: from, bucket, prefix: prefix === undefined ? hostPrefix(from) : `${prefix.replace(/\/+$/, '')}/` };
  }
  const running = (await listHosts(cloud.clients, cloud.ledger, cloud)).find((host) => host.name === from);
  if (running !== undefined) return storeOf(running);
  throw new HostarkError('host-not-found', `there is no running host ${from}, so its bucket is not known`, {
    hint: `add --bucket NAME`,
  });
}

/** The same account and state, seen from another region. */
async function withCloudIn<T>(
  cloud: Cloud,
  region: string | undefined,
  work: (cloud: Cloud) => Promise<T>,
): Promise<T> {
  if (region === undefined || region === cloud.clients.region) return work(cloud);
  if (!/^[a-z]{2}(-[a-z]+)+-\d+$/.test(region))
    throw new HostarkError('usage', `--to-region ${region}: expected a region such as eu-west-1`);
  return inRegion(cloud, region, (clients) =>
    work({ ...cloud, clients, credentials: { ...cloud.credentials, region } }),
  );
}
