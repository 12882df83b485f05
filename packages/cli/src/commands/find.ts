/** `hostark find`: entries by name, and blobs, trees and packs by id, in many snapshots. */
import {
  type EntryQuery,
  type FindOptions,
  FindPatterns,
  type FindResult,
  findEntries,
  findObjects,
  IdPrefixes,
  type ObjectQuery,
  objectsOfPacks,
  type UnreadTree,
} from '@hostark/archive';
import { HostarkError } from '@hostark/protocol';
import type { Repository, SnapshotFilter, StoredSnapshot } from '@hostark/repository';
import type { CommandContext } from '../context.ts';
import { type FilterFlags, snapshotFilter } from '../repository/filter.ts';
import { withRepository } from '../repository/open.ts';
import { listsFor } from '../repository/snapshot-tree.ts';
import { parseTime } from '../repository/time.ts';
import { plural } from '../terminal/format.ts';
import { LineWriter } from '../terminal/line-writer.ts';
import type { CommandCode } from '../tree/command.ts';
import { EntryPrinter, ObjectPrinter } from './find-print.ts';

export interface FindFlags extends FilterFlags {
  readonly snapshot?: string[];
  readonly ignoreCase?: boolean;
  readonly oldest?: string;
  readonly newest?: string;
  readonly long?: boolean;
  readonly humanReadable?: boolean;
  readonly reverse?: boolean;
  readonly blob?: boolean;
  readonly tree?: boolean;
  readonly pack?: boolean;
  readonly showPackId?: boolean;
}

export const find: CommandCode<FindFlags> = async (context, flags, words) => {
  const { out, io } = context;
  const ask = questionOf(flags, words);
  const lists = listsFor(...(flags.snapshot ?? ['latest']));
  const usage = { lock: 'shared', mayGoUnlocked: true, beginsEarly: true, lists } as const;
  return withRepository(context, flags, usage, async ({ repository, signal, confirmed }) => {
    const snapshots = await chooseSnapshots(repository, flags);
    await repository.loadIndex({ signal });
    const lines = new LineWriter(io.stdout, () => out.clearLine());
    lines.holdUntil(confirmed);
    const unread: UnreadTree[] = [];
    const onUnread = (tree: UnreadTree): void => void unread.push(tree);
    const options = { signal, onUnread, onSnapshot: progressTo(context, snapshots.length) };
    const result = await ask(context, flags, { repository, snapshots, lines, options });
    await lines.end();
    out.clearLine();
    for (const tree of unread) tellUnread(context, tree);
    if (unread.length > 0) {
      throw new HostarkError('object-damaged', `${plural(unread.length, 'tree')} could not be read, named above`, {
        hint: 'what they hold was not searched; run `hostark check` to see everything that is damaged',
      });
    }
    if (result.hits === 0) out.say(`nothing found in ${plural(snapshots.length, 'snapshot')}`);
    return 0;
  });
};

interface Search {
  readonly repository: Repository;
  readonly snapshots: readonly StoredSnapshot[];
  readonly lines: LineWriter;
  readonly options: FindOptions;
}

type Question = (context: CommandContext, flags: FindFlags, search: Search) => Promise<FindResult>;

/** Reads what is asked for. Throws 'usage', 'bad-pattern' and 'bad-id'. */
function questionOf(flags: FindFlags, words: readonly string[]): Question {
  const kinds = (['blob', 'tree', 'pack'] as const).filter((kind) => flags[kind]);
  if (kinds.length > 1) throw new HostarkError('usage', 'expected one of --blob, --tree and --pack, got several');
  const [kind] = kinds;
  if (kind === undefined) {
    const query = entryQuery(flags, words);
    return (context, _, search) => searchEntries(context, flags, search, query);
  }
  const given = new IdPrefixes(words);
  const none = new IdPrefixes([]);
  return async (context, _, search) => {
    const { repository, options } = search;
    const query =
      kind === 'pack'
        ? await objectsOfPacks(repository, words, options.signal)
        : { blobs: kind === 'blob' ? given : none, trees: kind === 'tree' ? given : none };
    return searchObjects(context, flags, search, query);
  };
}

function entryQuery(flags: FindFlags, patterns: readonly string[]): EntryQuery {
  const oldest = flags.oldest === undefined ? undefined : parseTime(flags.oldest, '--oldest');
  const newest = flags.newest === undefined ? undefined : parseTime(flags.newest, '--newest');
  if (oldest !== undefined && newest !== undefined && oldest.ns > newest.ns) {
    throw new HostarkError('usage', '--oldest: expected a time before --newest');
  }
  return { patterns: new FindPatterns(patterns, flags.ignoreCase), oldest, newest };
}

async function searchEntries(
  { out }: CommandContext,
  flags: FindFlags,
  { repository, snapshots, lines, options }: Search,
  query: EntryQuery,
): Promise<FindResult> {
  const printer = new EntryPrinter(lines, out, flags);
  const result = await findEntries(repository, snapshots, query, (found) => printer.print(found), options);
  printer.end();
  return result;
}

async function searchObjects(
  { out }: CommandContext,
  flags: FindFlags,
  { repository, snapshots, lines, options }: Search,
  query: ObjectQuery,
): Promise<FindResult> {
  const printer = new ObjectPrinter(lines, out, flags.showPackId ? { blobs: repository.blobs, query } : null);
  const result = await findObjects(repository, snapshots, query, (found) => printer.print(found), options);
  printer.end();
  return result;
}

/** Newest first, or oldest first with --reverse. Named ones each once. */
async function chooseSnapshots(repository: Repository, flags: FindFlags): Promise<StoredSnapshot[]> {
  const filter = snapshotFilter(flags);
  const chosen = flags.snapshot === undefined ? await repository.snapshots().list(filter) : await named(flags, filter);
  const oldestFirst = chosen.sort((a, b) => (a.time.ns < b.time.ns ? -1 : a.time.ns > b.time.ns ? 1 : 0));
  return flags.reverse ? oldestFirst : oldestFirst.reverse();

  async function named({ snapshot = [] }: FindFlags, latest: SnapshotFilter): Promise<StoredSnapshot[]> {
    const found = new Map<string, StoredSnapshot>();
    for (const name of snapshot) {
      const each = await repository.snapshots().find(name, latest);
      found.set(each.id, each);
    }
    return [...found.values()];
  }
}

/** With --json all of stdout is one array: nothing is told in between. */
function progressTo({ out }: CommandContext, total: number): FindOptions['onSnapshot'] {
  if (out.json) return undefined;
  return (snapshot, done) => {
    const counts = { filesDone: done, filesTotal: total, bytesDone: done, bytesTotal: total, errors: 0 };
    out.event({ type: 'progress', phase: 'find', ...counts, current: [`snapshot ${snapshot.id.slice(0, 8)}`] });
  };
}

function tellUnread({ out }: CommandContext, { snapshot, path, tree, error }: UnreadTree): void {
  const item = `snapshot ${snapshot.id.slice(0, 8)}, folder ${Buffer.from(path).toString('utf8') || '/'}`;
  const message = error instanceof Error ? error.message : String(error);
  out.event({ type: 'item-error', item, during: 'find', message: `tree ${tree}: ${message}` });
}
