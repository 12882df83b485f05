/** `hostark recover SNAPSHOT --from HOST --to new | HOST | DIR`. */
import { listHosts } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { existingAccess, type HostStore, hostPrefix, storeOf } from '../hosts/access.ts';
import { type Cloud, type CloudFlags, withCloud } from '../hosts/cloud.ts';
import { launchReplacement, type RecoverRequest, recoverOnto } from '../hosts/recover.ts';
import { recoverInto } from '../hosts/recover-into.ts';
import { formatBytes, plural } from '../terminal/format.ts';
import type { CommandCode } from '../tree/command.ts';

interface RecoverFlags extends CloudFlags {
  readonly to: string;
  readonly from: string;
  readonly bucket?: string;
  readonly target: string;
  readonly include?: string[];
  readonly overwrite: NonNullable<RecoverRequest['overwrite']>;
}

export const recover: CommandCode<RecoverFlags> = async (context, flags, [snapshot]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const store = await findStore(cloud, flags);
    await existingAccess(cloud, store); // refused before anything is launched
    const request: RecoverRequest = {
      snapshot: snapshot!,
      target: flags.target,
      overwrite: flags.overwrite,
      ...(flags.include === undefined ? {} : { includes: flags.include }),
    };
    if (isDirectory(flags.to)) {
      const report = await recoverInto(context, cloud, store, { ...request, target: flags.to });
      out.data({ message_type: 'summary', ...report });
      out.print(
        `${plural(report.filesRestored, 'file')}, ${formatBytes(report.bytesRestored)} restored and verified in ${flags.to}`,
      );
      return report.errorCount > 0 ? 1 : 0;
    }
    const name = await destination(cloud, store, flags.to);
    const report = await recoverOnto(cloud, store, name, request);
    out.data({ message_type: 'summary', host: name, ...report });
    out.print(
      `${plural(report.filesRestored, 'file')}, ${formatBytes(report.bytesRestored)} restored and verified on ${name}`,
    );
    return report.errorCount > 0 ? 1 : 0;
  });
};

const isDirectory = (to: string): boolean =>
  to.startsWith('/') || to.startsWith('./') || to.startsWith('../') || to === '.';

/** The name of the host to restore onto: launched first for `new` and `new:NAME`. */
async function destination(cloud: Cloud, store: HostStore, to: string): Promise<string> {
  if (to !== 'new' && !to.startsWith('new:')) return to;
  const taken = new Set((await listHosts(cloud.clients, cloud.ledger, cloud)).map((host) => host.name));
  const name = to === 'new' ? freeName(store.host, taken) : to.slice('new:'.length);
  await launchReplacement(cloud, store, name);
  return name;
}

/** `web`, or `web-2`, `web-3` … while the name is taken. */
function freeName(wanted: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wanted)) return wanted;
  for (let n = 2; ; n++) if (!taken.has(`${wanted}-${n}`)) return `${wanted}-${n}`;
}

/** Where the backups are: as told, from the host if it still runs, else from the ledger's memory of it. */
async function findStore(cloud: Cloud, flags: RecoverFlags): Promise<HostStore> {
  if (flags.bucket !== undefined) return { host: flags.from, bucket: flags.bucket, prefix: hostPrefix(flags.from) };
  const running = (await listHosts(cloud.clients, cloud.ledger, cloud)).find((host) => host.name === flags.from);
  if (running !== undefined) return storeOf(running);
  throw new HostarkError('host-not-found', `there is no running host ${flags.from}, so its bucket is not known`, {
    hint: `add --bucket NAME`,
  });
}
