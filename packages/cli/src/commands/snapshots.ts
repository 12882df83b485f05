/** `hostark snapshots`: the history. */
import { formatInstant, type Instant, type StoredSnapshot } from '@hostark/repository';
import { type FilterFlags, snapshotFilter } from '../repository/filter.ts';
import { withRepository } from '../repository/open.ts';
import { wholeNumber } from '../repository/settings.ts';
import { snapshotJson } from '../repository/snapshot-json.ts';
import { formatBytes, plural } from '../terminal/format.ts';
import { table } from '../terminal/table.ts';
import type { CommandCode } from '../tree/command.ts';

interface SnapshotsFlags extends FilterFlags {
  readonly latest?: string;
  readonly compact?: boolean;
}

export const snapshots: CommandCode<SnapshotsFlags> = async (context, flags, ids) => {
  const { out } = context;
  const latest = flags.latest === undefined ? null : wholeNumber(flags.latest, '--latest', { min: 1, max: 1e6 });
  const usage = { lock: 'shared', mayGoUnlocked: true, beginsEarly: true, lists: ['snapshots'] } as const;
  return withRepository(context, flags, usage, async ({ repository, confirmed }) => {
    const store = repository.snapshots();
    const filter = snapshotFilter(flags);
    const all =
      ids.length === 0 ? await store.list(filter) : await Promise.all(ids.map((id) => store.find(id, filter)));
    await confirmed;
    const chosen = latest === null ? all : newestOfEach(all, latest);
    out.data(chosen.map(snapshotJson));
    if (chosen.length === 0) out.say('no snapshots');
    const heading = flags.compact ? ['ID', 'Time', 'Host', 'Tags'] : ['ID', 'Time', 'Host', 'Tags', 'Size', 'Paths'];
    const rows = chosen.map((snapshot) => row(snapshot, flags.compact ?? false));
    if (chosen.length > 0) for (const line of table(heading, rows)) out.print(line);
    if (chosen.length > 0) out.say(plural(chosen.length, 'snapshot'));
    return 0;
  });
};

function row(snapshot: StoredSnapshot, compact: boolean): string[] {
  const columns = [snapshot.id.slice(0, 8), readableTime(snapshot.time), snapshot.hostname, snapshot.tags.join(',')];
  if (compact) return columns;
  const size = snapshot.summary === null ? '' : formatBytes(snapshot.summary.totalBytesProcessed);
  return [...columns, size, snapshot.paths.join(' ')];
}

/** `2026-11-22 14:21:57`, in the zone in which the snapshot was made. */
function readableTime(time: Instant): string {
  return formatInstant(time).slice(0, 19).replace('T', ' ');
}

/** The newest `count` of each host and paths; the list is oldest first and stays so. */
function newestOfEach(all: readonly StoredSnapshot[], count: number): StoredSnapshot[] {
  const taken = new Map<string, number>();
  return all
    .toReversed()
    .filter((snapshot) => {
      const group = JSON.stringify([snapshot.hostname, [...snapshot.paths].sort()]);
      taken.set(group, (taken.get(group) ?? 0) + 1);
      return taken.get(group)! <= count;
    })
    .toReversed();
}
