/** The agent's backup: the host's paths, or what a command prints, into its repository. */
import {
  type BackupResult,
  backup,
  backupStream,
  CACHE_TAG,
  compileSelector,
  parseTagFile,
  type Selector,
} from '@hostark/archive';
import type { BackupJob } from '@hostark/protocol';
import { localSession } from '@hostark/remote';
import type { Repository } from '@hostark/repository';
import { backupSummary } from '../commands/backup-summary.ts';
import { whileFrozen } from '../hosts/freeze.ts';
import { maker } from '../repository/maker.ts';
import type { Traffic } from '../repository/session.ts';
import { growReluctantly, optimizeReluctantly } from '../terminal/memory.ts';
import { dumpSource } from './dump-source.ts';
import { withHooks } from './hooks.ts';
import type { JobContext } from './job-context.ts';
import { withJobRepository } from './job-repository.ts';

/** A backup as it is reported: the summary in restic's words, and what it cost. */
interface SavedBackup extends Traffic {
  readonly snapshotId: string | null;
  readonly errorCount: number;
  readonly summary: Record<string, string | number>;
}

export async function runBackupJob(job: BackupJob, context: JobContext): Promise<Record<string, unknown>> {
  const excludes = compileSelector({ exclude: job.excludes ?? [], iexclude: job.iexcludes ?? [] });
  const save = (): Promise<SavedBackup> => frozen(job, context, () => saveAll(job, excludes, context));
  if (job.dryRun === true || job.hooks === undefined) return { ...(await save()), postFailure: null };
  const hookContext = { host: job.host, signal: context.signal, onEvent: context.onEvent };
  const { value, postFailure } = await withHooks(job.hooks, hookContext, save);
  return { ...value, postFailure };
}

/** Reads with the job's file systems frozen, if it names any. Freezing is not tried in a dry run. */
async function frozen(
  job: BackupJob,
  { signal, onEvent }: JobContext,
  save: () => Promise<SavedBackup>,
): Promise<SavedBackup> {
  if (job.freeze === undefined || job.dryRun === true) return save();
  const { mounts, timeoutSeconds } = job.freeze;
  const { value, held, milliseconds } = await whileFrozen(localSession(), mounts, save, {
    seconds: timeoutSeconds,
    signal,
  });
  const time = `${(milliseconds / 1000).toFixed(1)} s`;
  if (held) onEvent({ type: 'notice', level: 'info', message: `${mounts.join(' ')} frozen for ${time}` });
  else {
    const message = `${mounts.join(' ')}: thawed after ${timeoutSeconds} s, before the backup was done; files that were written since may not fit together`;
    onEvent({ type: 'notice', level: 'warning', message });
  }
  return value;
}

async function saveAll(job: BackupJob, excludes: Selector, context: JobContext): Promise<SavedBackup> {
  const { value: result, traffic } = await withJobRepository(job, context, (repository, signal) => {
    growReluctantly();
    optimizeReluctantly();
    return job.stream === undefined
      ? saveTargets(repository, job, excludes, signal, context)
      : saveStream(repository, job, job.stream, signal, context);
  });
  return {
    snapshotId: result.snapshotId,
    errorCount: result.errorCount,
    summary: backupSummary(result),
    ...traffic,
  };
}

/** What both kinds of backup are told. */
function common(job: BackupJob): ReturnType<typeof maker> & { readonly dryRun: boolean; readonly workers?: number } {
  return {
    ...maker(job.host, job.tags ?? []),
    dryRun: job.dryRun ?? false,
    ...(job.workers === undefined ? {} : { workers: job.workers }),
  };
}

async function saveTargets(
  repository: Repository,
  job: BackupJob,
  excludes: Selector,
  signal: AbortSignal,
  { onEvent }: JobContext,
): Promise<BackupResult> {
  return backup(repository, {
    ...common(job),
    targets: job.targets,
    excludes,
    excludePatterns: job.excludes ?? [],
    ...(job.excludeLargerThan === undefined ? {} : { excludeLargerThan: job.excludeLargerThan }),
    excludeIfPresent: [...(job.excludeIfPresent ?? []).map(parseTagFile), ...(job.excludeCaches ? [CACHE_TAG] : [])],
    oneFileSystem: job.oneFileSystem ?? false,
    signal,
    onEvent,
  });
}

async function saveStream(
  repository: Repository,
  job: BackupJob,
  stream: NonNullable<BackupJob['stream']>,
  signal: AbortSignal,
  { onEvent }: JobContext,
): Promise<BackupResult> {
  const ended = new AbortController();
  const source = dumpSource(stream.command, { signal: AbortSignal.any([signal, ended.signal]), onEvent });
  try {
    return await backupStream(repository, {
      ...common(job),
      filename: stream.filename,
      source: source.chunks,
      finished: source.finished,
      signal,
      onEvent,
    });
  } finally {
    ended.abort(); // a dump that nobody reads any more
  }
}
