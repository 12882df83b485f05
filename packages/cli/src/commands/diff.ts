/** `hostark diff`: what changed from one snapshot to another. */
import { changeJson, changeLine, type DiffOptions, type DiffResult, diffStatistics, diffTrees } from '@hostark/archive';
import { HostarkError } from '@hostark/protocol';
import type { Repository, ResolvedSnapshot, SnapshotFilter } from '@hostark/repository';
import type { CommandContext } from '../context.ts';
import { type FilterFlags, snapshotFilter } from '../repository/filter.ts';
import { withRepository } from '../repository/open.ts';
import { listsFor, openSnapshot } from '../repository/snapshot-tree.ts';
import { formatBytes, plural } from '../terminal/format.ts';
import { LineWriter } from '../terminal/line-writer.ts';
import type { CommandCode } from '../tree/command.ts';

interface DiffFlags extends FilterFlags {
  readonly metadata?: boolean;
}

export const diff: CommandCode<DiffFlags> = async (context, flags, [before, after]) => {
  const { out, io } = context;
  const lists = listsFor(before!, after!);
  const usage = { lock: 'shared', mayGoUnlocked: true, beginsEarly: true, lists } as const;
  return withRepository(context, flags, usage, async ({ repository, signal, confirmed }) => {
    const [a, b] = await openBoth(repository, [before!, after!], snapshotFilter(flags), signal);
    const lines = new LineWriter(io.stdout);
    lines.holdUntil(confirmed);
    if (!out.json && !out.quiet) {
      lines.line(`comparing snapshot ${a.snapshot.id.slice(0, 8)} to ${b.snapshot.id.slice(0, 8)}:\n`);
    }
    const unread: Unread[] = [];
    const onUnread = (...each: Unread): void => void unread.push(each);
    const result = await diffTrees(
      repository,
      a.tree,
      b.tree,
      (change) => {
        if (!out.quiet) lines.line(out.json ? changeJson(change) : changeLine(change));
      },
      { metadata: flags.metadata, onUnread, signal },
    );
    if (out.json) lines.line(JSON.stringify(diffStatistics(before!, after!, result)));
    else for (const line of summary(result)) lines.line(line);
    await lines.end();
    for (const blob of result.unlistedBlobs) out.warn(`warning: no index file lists ${blob}; its size is not counted`);
    for (const each of unread) tellUnread(context, each);
    if (unread.length > 0) {
      throw new HostarkError('object-damaged', `${plural(unread.length, 'tree')} could not be read, named above`, {
        hint: 'what they hold was not compared; run `hostark check` to see everything that is damaged',
      });
    }
    return 0;
  });
};

/** Both snapshots are found before the index is loaded, so that it lists whatever they name. */
async function openBoth(
  repository: Repository,
  [before, after]: readonly [string, string],
  filter: SnapshotFilter,
  signal: AbortSignal,
): Promise<[ResolvedSnapshot, ResolvedSnapshot]> {
  const first = await repository.snapshots().find(before.split(':', 1)[0]!, filter);
  const second = await openSnapshot(repository, after, filter, signal);
  const path = before.slice(before.split(':', 1)[0]!.length);
  return [await repository.snapshots().resolve(`${first.id}${path}`), second];
}

/** Where, which tree, why. */
type Unread = Parameters<NonNullable<DiffOptions['onUnread']>>;

function tellUnread({ out }: CommandContext, [path, tree, error]: Unread): void {
  const item = path === null ? 'a folder of both snapshots' : `folder ${Buffer.from(path).toString('utf8')}`;
  const message = error instanceof Error ? error.message : String(error);
  out.event({ type: 'item-error', item, during: 'diff', message: `tree ${tree}: ${message}` });
}

/** Restic's table. */
function* summary({ added, removed, changedFiles }: DiffResult): Generator<string> {
  const row = (name: string, ...counts: [number, string][]): string =>
    `${name.padEnd(13)}${counts.map(([count, what]) => `${String(count).padStart(5)} ${what}`).join(', ')}`;
  const both = (name: string, of: (side: DiffResult['added']) => number): string =>
    row(name, [of(added), 'new'], [of(removed), 'removed']);
  yield '';
  yield row('Files:', [added.files, 'new'], [removed.files, 'removed'], [changedFiles, 'changed']);
  yield both('Dirs:', ({ dirs }) => dirs);
  yield both('Others:', ({ others }) => others);
  yield both('Data Blobs:', ({ dataBlobs }) => dataBlobs);
  yield both('Tree Blobs:', ({ treeBlobs }) => treeBlobs);
  yield `  Added:   ${formatBytes(added.bytes)}`;
  yield `  Removed: ${formatBytes(removed.bytes)}`;
}
