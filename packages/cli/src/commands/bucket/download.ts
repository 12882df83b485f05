/** `hostark bucket download NAME [PREFIX] DIR`: a repository, or what one snapshot needs of it, as a local folder. */
import { type DownloadPlan, type DownloadSource, downloadRepository, planDownload } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { type Cloud, type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import type { GlobalFlags } from '../../repository/settings.ts';
import { confirm } from '../../terminal/confirm.ts';
import { formatBytes, plural } from '../../terminal/format.ts';
import type { CommandCode } from '../../tree/command.ts';
import { formatDollars } from './price-lines.ts';
import { withSnapshotObjects } from './snapshot-objects.ts';

interface DownloadFlags extends CloudFlags {
  readonly prefix?: string;
  readonly snapshot?: string;
}

/** From here on a terminal is asked first: the way out of AWS costs about a dollar. Scripts have seen --dry-run. */
const ASK_FROM_BYTES: number = 10 * 2 ** 30;

export const download: CommandCode<DownloadFlags> = async (context, flags, [name, ...places]) => {
  const place = placeOf(flags, places);
  return withCloud(context, flags, async (cloud) => {
    const source = { bucket: name!, ...place };
    if (flags.snapshot === undefined) return fetchFrom(context, flags, cloud, source, async () => {});
    return withSnapshotObjects(context, flags, cloud, { ...source, snapshot: flags.snapshot }, (needed) =>
      fetchFrom(context, flags, cloud, { ...source, only: needed.selection }, needed.writeIndex),
    );
  });
};

/** Reads `[PREFIX] DIR`. Throws 'usage' for a prefix that is given twice. */
function placeOf(flags: DownloadFlags, places: readonly string[]): Pick<DownloadSource, 'directory' | 'prefix'> {
  if (places.length > 2)
    throw new HostarkError('usage', `expected NAME [PREFIX] DIR, got ${plural(places.length + 1, 'argument')}`);
  const [directory, prefix] = places.length === 1 ? [places[0]!, flags.prefix] : [places[1]!, places[0]];
  if (places.length === 2 && flags.prefix !== undefined && flags.prefix !== prefix)
    throw new HostarkError('usage', `expected one prefix, got ${prefix} and --prefix ${flags.prefix}`);
  return { directory, ...(prefix === undefined ? {} : { prefix }) };
}

async function fetchFrom(
  context: Parameters<typeof download>[0],
  flags: DownloadFlags & GlobalFlags,
  cloud: Cloud,
  source: DownloadSource,
  afterPacks: () => Promise<void>,
): Promise<number> {
  const { out, io } = context;
  const plan = await planDownload(cloud.clients, source, { signal: cloud.signal });
  const lines = planLines(plan);
  if (flags.dryRun) {
    out.data({ message_type: 'plan', ...plan });
    for (const line of lines) out.print(`would ${line}`);
    return 0;
  }
  for (const line of lines) out.say(line);
  if (plan.bytes >= ASK_FROM_BYTES && io.stdin.isTTY === true && !out.json)
    await confirm(context, flags.yes, `this downloads ${formatBytes(plan.bytes)}`, 'download');
  const report = await downloadRepository(cloud.clients, source, { ...cloud, afterPacks });
  const { directory } = source;
  out.data({ message_type: 'summary', ...report, directory, price: plan.price });
  out.print(
    `${plural(report.objects, 'object')}, ${formatBytes(report.bytes)} in ${directory}, each verified against its name`,
  );
  if (report.kept > 0) out.print(`${plural(report.kept, 'object')} were there already`);
  out.say(`next: hostark check -r ${directory}, or stock restic: restic -r ${directory} snapshots`);
  return 0;
}

function planLines({ objects, bytes, kept, requests, price }: DownloadPlan): string[] {
  const cost = price.dollars === null ? 'cost not known' : `about ${formatDollars(price.dollars)} to the Internet`;
  return [
    `download ${plural(objects, 'object')}, ${formatBytes(bytes)}: about ${plural(requests, 'request')}; ${cost} ` +
      `(prices of ${price.asOf}; ${price.notes.join('; ')})`,
    ...(kept === 0 ? [] : [`keep ${plural(kept, 'object')} that are there already`]),
  ];
}
