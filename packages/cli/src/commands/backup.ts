/** `hostark backup`: saves files and folders, standard input, or what a command prints. */
import { hostname } from 'node:os';
import {
  type BackupResult,
  backup as backUp,
  backupStream,
  CACHE_TAG,
  compileSelector,
  parseSize,
  parseTagFile,
  type StorageOptions,
} from '@hostark/archive';
import { HostarkError, type OperationEvent } from '@hostark/protocol';
import type { Repository, SnapshotId } from '@hostark/repository';
import type { CommandContext } from '../context.ts';
import { afterwards } from '../repository/attempts.ts';
import { type Maker, maker } from '../repository/maker.ts';
import { withRepository } from '../repository/open.ts';
import { type ExcludeFlags, excludePatterns } from '../repository/patterns.ts';
import { compressionMode, environment, type GlobalFlags, wholeNumber } from '../repository/settings.ts';
import { listsFor } from '../repository/snapshot-tree.ts';
import { readTargets, type TargetFlags } from '../repository/targets.ts';
import { parseTime } from '../repository/time.ts';
import { formatBytes, formatSeconds, plural } from '../terminal/format.ts';
import { growReluctantly, optimizeReluctantly } from '../terminal/memory.ts';
import type { CommandCode } from '../tree/command.ts';
import { backupSummary } from './backup-summary.ts';

interface BackupFlags extends ExcludeFlags, TargetFlags {
  readonly excludeLargerThan?: string;
  readonly excludeCaches?: boolean;
  readonly excludeIfPresent?: string[];
  readonly oneFileSystem?: boolean;
  readonly tag?: string[];
  readonly host?: string;
  readonly time?: string;
  readonly parent?: string;
  readonly groupBy: string;
  readonly force?: boolean;
  readonly withAtime?: boolean;
  readonly ignoreInode?: boolean;
  readonly ignoreCtime?: boolean;
  readonly dryRun?: boolean;
  readonly skipIfUnchanged?: boolean;
  readonly stdin?: boolean;
  readonly stdinFromCommand?: boolean;
  readonly stdinFilename: string;
  readonly readConcurrency?: string;
}

const MIB = 1 << 20;

export const backup: CommandCode<BackupFlags> = async (context, flags, args) => {
  const streaming = flags.stdin || flags.stdinFromCommand;
  if (flags.stdin && flags.stdinFromCommand)
    throw new HostarkError('usage', 'expected one of --stdin and --stdin-from-command, got both');
  if (flags.stdin && args.length > 0) throw new HostarkError('usage', '--stdin: expected no paths');
  const patterns = await excludePatterns(flags, context.io);
  const excludes = compileSelector(patterns); // refuses bad patterns before anything is touched
  const targets = streaming ? [] : await readTargets(flags, args, context);
  // A stream can be read but once.
  const lists = listsFor(...(flags.force || streaming ? [] : [flags.parent ?? 'latest']));
  const usage = { lock: flags.dryRun ? 'none' : 'shared', beginsEarly: !streaming, lists } as const;
  return withRepository(context, flags, usage, async ({ repository, signal, confirmed }) => {
    growReluctantly();
    optimizeReluctantly();
    const parent = await parentSnapshot(repository, flags);
    const common = {
      ...identity(context, flags),
      ...storage(context, flags),
      parent,
      skipIfUnchanged: flags.skipIfUnchanged ?? false,
      signal,
      onEvent: afterwards(confirmed, (event: OperationEvent) => context.out.event(event)),
    };
    const result = streaming
      ? await saveStream(context, repository, flags, args, common)
      : await backUp(repository, {
          ...common,
          targets,
          excludes,
          excludePatterns: flags.exclude ?? [],
          ...(flags.excludeLargerThan === undefined ? {} : { excludeLargerThan: parseSize(flags.excludeLargerThan) }),
          excludeIfPresent: [
            ...(flags.excludeIfPresent ?? []).map(parseTagFile),
            ...(flags.excludeCaches ? [CACHE_TAG] : []),
          ],
          oneFileSystem: flags.oneFileSystem ?? false,
          groupBy: groupBy(flags.groupBy),
          force: flags.force ?? false,
          ignoreInode: flags.ignoreInode ?? false,
          ignoreCtime: flags.ignoreCtime ?? false,
          withAtime: flags.withAtime ?? false,
          verbose: context.out.verbose > 0,
        });
    await confirmed; // where nothing had to be written, nothing has waited for it yet
    report(context, flags, result);
    return result.errorCount > 0 ? 3 : 0;
  });
};

async function saveStream(
  context: CommandContext,
  repository: Repository,
  flags: BackupFlags,
  args: string[],
  common: Parameters<typeof backupStream>[1] extends infer O ? Omit<O, 'source' | 'filename'> : never,
): Promise<BackupResult> {
  const source = flags.stdinFromCommand
    ? (await import('./command-source.ts')).commandSource(args, context)
    : { chunks: context.io.stdin as AsyncIterable<Uint8Array>, finished: undefined };
  return backupStream(repository, {
    ...common,
    filename: flags.stdinFilename,
    source: source.chunks,
    ...(source.finished === undefined ? {} : { finished: source.finished }),
  });
}

async function parentSnapshot(repository: Repository, flags: BackupFlags): Promise<'auto' | SnapshotId | null> {
  if (flags.force || flags.stdin || flags.stdinFromCommand) return null;
  return flags.parent === undefined ? 'auto' : (await repository.snapshots().find(flags.parent)).id;
}

function identity(
  { io }: CommandContext,
  flags: BackupFlags,
): Maker & { readonly time?: ReturnType<typeof parseTime> } {
  const tags = (flags.tag ?? []).flatMap((list) => list.split(','));
  return {
    ...maker(flags.host ?? environment(io, 'HOST') ?? hostname(), tags),
    ...(flags.time === undefined ? {} : { time: parseTime(flags.time, '--time') }),
  };
}

/** Maps restic's five compression modes to the three that the engine knows. */
function storage({ io }: CommandContext, flags: BackupFlags & GlobalFlags): StorageOptions {
  const mode = compressionMode(flags, io);
  const packSize = flags.packSize ?? environment(io, 'PACK_SIZE');
  const workers = flags.readConcurrency ?? environment(io, 'READ_CONCURRENCY');
  return {
    compression: mode === 'off' ? 'off' : mode === 'max' || mode === 'better' ? 'max' : 'auto',
    dryRun: flags.dryRun ?? false,
    ...(packSize === undefined
      ? {}
      : { packSizeBytes: wholeNumber(packSize, '--pack-size', { min: 4, max: 128 }) * MIB }),
    ...(workers === undefined ? {} : { workers: wholeNumber(workers, '--read-concurrency', { min: 0, max: 64 }) }),
  };
}

function groupBy(text: string): { host: boolean; paths: boolean; tags: boolean } {
  const fields = text.split(',').filter((field) => field !== '');
  const unknown = fields.find((field) => !['host', 'paths', 'path', 'tags', 'tag'].includes(field));
  if (unknown !== undefined)
    throw new HostarkError('usage', `--group-by: expected host, paths or tags, got ${JSON.stringify(unknown)}`);
  const has = (...names: string[]): boolean => fields.some((field) => names.includes(field));
  return { host: has('host'), paths: has('paths', 'path'), tags: has('tags', 'tag') };
}

function report({ out }: CommandContext, flags: BackupFlags, result: BackupResult): void {
  out.data({ message_type: 'summary', dry_run: flags.dryRun ?? false, ...backupSummary(result) });
  const { summary } = result;
  const counts = (made: number, changed: number, same: number): string =>
    `${made} new, ${changed} changed, ${same} unmodified`;
  if (!out.quiet) {
    if (result.parent !== null) out.print(`compared with snapshot ${result.parent.slice(0, 8)}`);
    out.print(`files: ${counts(summary.filesNew, summary.filesChanged, summary.filesUnmodified)}`);
    out.print(`folders: ${counts(summary.dirsNew, summary.dirsChanged, summary.dirsUnmodified)}`);
    out.print(
      `${flags.dryRun ? 'would add' : 'added'} ${formatBytes(summary.dataAdded)}, ${formatBytes(summary.dataAddedPacked)} stored`,
    );
    out.print(
      `processed ${plural(summary.totalFilesProcessed, 'file')}, ${formatBytes(summary.totalBytesProcessed)} in ${formatSeconds(result.durationMs / 1000)}`,
    );
    if (result.snapshotId !== null) out.print(`snapshot ${result.snapshotId.slice(0, 8)} saved`);
    else out.print(flags.dryRun ? 'dry run: nothing was written' : 'nothing changed: no snapshot was saved');
  }
  if (result.errorCount > 0)
    out.warn(
      `warning: ${plural(result.errorCount, 'item')} could not be saved as they are; the snapshot holds the rest`,
    );
}
