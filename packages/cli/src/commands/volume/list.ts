/** `hostark volume list [HOST]`: snapshots by host and set, here and where copies of them are. */
import {
  enabledRegions,
  listVolumeSnapshots,
  type SnapshotSet,
  snapshotMonthly,
  snapshotSets,
  type VolumeSnapshot,
} from '@hostark/cloud';
import { type Cloud, type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { inRegion, knownRegions } from '../../hosts/regions.ts';
import { plural } from '../../terminal/format.ts';
import type { Output } from '../../terminal/output.ts';
import { table } from '../../terminal/table.ts';
import type { CommandCode } from '../../tree/command.ts';
import { age, dollars } from './lines.ts';

interface ListFlags extends CloudFlags {
  readonly allRegions?: boolean;
}

export const list: CommandCode<ListFlags> = async (context, flags, [host]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const others =
      flags.allRegions === true ? await enabledRegions(cloud.clients, cloud) : await knownRegions(cloud, host);
    const found: VolumeSnapshot[] = [];
    for (const region of new Set([cloud.clients.region, ...others]))
      found.push(...(await ask(cloud, region, host, out)));
    const regions = [...new Set(found.map((one) => one.region))];
    const sets = regions.flatMap((region) => snapshotSets(found.filter((one) => one.region === region)));
    out.data(sets.map((set) => ({ ...set, snapshots: set.snapshots.map(facts) })));
    if (sets.length === 0)
      out.say(`no snapshots${host === undefined ? '' : ` of ${host}`}; take some with: hostark volume snapshot HOST`);
    else {
      const heading = ['HOST', 'SET', 'REGION', 'SNAPSHOT', 'DEVICE', 'AGE', 'SIZE', 'STATE', 'A MONTH'];
      for (const line of table(heading, sets.flatMap(rows))) out.print(line);
      out.say(total(found));
    }
    return 0;
  });
};

/** A region that does not answer is told, and the others are listed all the same: it may be the one that is lost. */
async function ask(
  cloud: Cloud,
  region: string,
  host: string | undefined,
  out: Output,
): Promise<readonly VolumeSnapshot[]> {
  const which = host === undefined ? {} : { host };
  if (region === cloud.clients.region) return listVolumeSnapshots(cloud.clients, which, cloud);
  try {
    return await inRegion(cloud, region, (clients) => listVolumeSnapshots(clients, which, cloud));
  } catch (error) {
    if (cloud.signal.aborted) throw error;
    out.warn(`region ${region} does not answer: ${(error as Error).message}`);
    return [];
  }
}

function facts({ tags: _tags, machine: _machine, ledger: _ledger, ...rest }: VolumeSnapshot): object {
  return { ...rest, monthly: snapshotMonthly(rest) };
}

function rows(set: SnapshotSet): string[][] {
  return set.snapshots.map((one, n) => [
    n === 0 ? set.host : '',
    n === 0 ? set.id : '',
    n === 0 ? set.region : '',
    one.id,
    one.device ?? '-',
    age(one.taken),
    `${one.sizeGiB} GiB`,
    stateOf(set, one),
    dollars(snapshotMonthly(one)),
  ]);
}

function stateOf(set: SnapshotSet, one: VolumeSnapshot): string {
  if (one.state === 'pending') return `pending ${one.percent} %`;
  if (!one.finished) return 'unfinished';
  return one.state === 'completed' && !set.complete ? 'completed, set incomplete' : one.state;
}

function total(found: readonly VolumeSnapshot[]): string {
  const monthly = found.map(snapshotMonthly);
  const known = monthly.filter((one) => one !== null).reduce((sum, one) => sum + one, 0);
  const unknown = monthly.filter((one) => one === null).length;
  const rest = unknown === 0 ? '' : `, and ${plural(unknown, 'snapshot')} whose price is not known`;
  return `at most ${dollars(known)} a month${rest}; EBS charges less for what snapshots share`;
}
