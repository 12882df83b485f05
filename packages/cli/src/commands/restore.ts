/** `hostark restore`: writes a snapshot, or a part of it, below a folder. */
import { type Overwrite, startRestoreThreads, restore as writeBack } from '@hostark/archive';
import { HostarkError } from '@hostark/protocol';
import { type FilterFlags, snapshotFilter } from '../repository/filter.ts';
import { withRepository } from '../repository/open.ts';
import { type ExcludeFlags, excludePatterns, type IncludeFlags, includePatterns } from '../repository/patterns.ts';
import { listsFor, openSnapshot } from '../repository/snapshot-tree.ts';
import { formatBytes, formatSeconds, plural } from '../terminal/format.ts';
import { optimizeReluctantly } from '../terminal/memory.ts';
import type { CommandCode } from '../tree/command.ts';

interface RestoreFlags extends ExcludeFlags, IncludeFlags, FilterFlags {
  readonly target: string;
  readonly overwrite: Overwrite;
  readonly delete?: boolean;
  readonly verify?: boolean;
  readonly sparse?: boolean;
  readonly dryRun?: boolean;
  readonly ownershipByName?: boolean;
}

export const restore: CommandCode<RestoreFlags> = async (context, flags, [spec]) => {
  const { io, out } = context;
  const patterns = { ...(await excludePatterns(flags, io)), ...(await includePatterns(flags, io)) };
  const selects = patterns.include.length + patterns.iinclude.length > 0;
  if (selects && patterns.exclude.length + patterns.iexclude.length > 0) {
    throw new HostarkError('usage', 'expected either include or exclude patterns, got both');
  }
  const usage = { lock: 'shared', mayGoUnlocked: true, beginsEarly: true, lists: listsFor(spec!) } as const;
  const ahead = startRestoreThreads();
  const restored = withRepository(context, flags, usage, async ({ repository, signal, confirmed }) => {
    optimizeReluctantly();
    const { snapshot: found, tree } = await openSnapshot(repository, spec!, snapshotFilter(flags), signal);
    confirmed.then(
      () => out.say(`restoring snapshot ${found.id.slice(0, 8)} of ${found.hostname} to ${flags.target}`),
      () => {},
    );
    const result = await writeBack(repository, tree, flags.target, {
      ...patterns,
      overwrite: flags.overwrite,
      delete: flags.delete ?? false,
      verify: flags.verify ?? false,
      sparse: flags.sparse ?? false,
      dryRun: flags.dryRun ?? false,
      ownershipByName: flags.ownershipByName ?? false,
      verbose: out.verbose > 0,
      mayWrite: confirmed,
      signal,
      onEvent: (event) => out.event(event),
    });
    out.data({
      message_type: 'summary',
      total_files: result.filesTotal,
      files_restored: result.filesRestored,
      files_skipped: result.filesSkipped,
      files_deleted: result.filesDeleted,
      total_bytes: result.bytesTotal,
      bytes_restored: result.bytesRestored,
      bytes_skipped: result.bytesSkipped,
      files_verified: result.filesVerified,
      errors: result.errorCount,
    });
    const verb = flags.dryRun ? 'would restore' : 'restored';
    if (!out.quiet) {
      out.print(
        `${verb} ${plural(result.filesRestored, 'item')}, ${formatBytes(result.bytesRestored)} in ${formatSeconds(result.durationMs / 1000)}`,
      );
      if (result.filesSkipped > 0) out.print(`left ${plural(result.filesSkipped, 'item')} as they were`);
      if (result.filesDeleted > 0)
        out.print(`${flags.dryRun ? 'would delete' : 'deleted'} ${plural(result.filesDeleted, 'item')}`);
      if (result.filesVerified !== null) out.print(`verified ${plural(result.filesVerified, 'file')}`);
    }
    if (result.errorCount > 0) {
      throw new HostarkError(
        'restore-incomplete',
        `${plural(result.errorCount, 'item')} could not be restored, the rest was`,
        {
          hint: 'see the errors above; `hostark check --read-data` names damaged objects',
        },
      );
    }
    return 0;
  });
  return restored.finally(() => ahead.close());
};
