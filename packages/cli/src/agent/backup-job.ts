/** The agent's backup: the host's paths into its repository. */
import { userInfo } from 'node:os';
import { backup, compileSelector } from '@hostark/archive';
import type { BackupJob } from '@hostark/protocol';
import { backupSummary } from '../commands/backup-summary.ts';
import { userName } from '../repository/open.ts';
import { growReluctantly } from '../terminal/memory.ts';
import { VERSION } from '../version.ts';
import type { JobContext } from './job-context.ts';
import { withJobRepository } from './job-repository.ts';

export async function runBackupJob(job: BackupJob, context: JobContext): Promise<Record<string, unknown>> {
  growReluctantly();
  const excludes = compileSelector({ exclude: job.excludes ?? [], iexclude: [] });
  const { uid, gid } = userInfo();
  const { value: result, traffic } = await withJobRepository(job.repository, context, async (repository, signal) => {
    await repository.loadIndex({ signal });
    return backup(repository, {
      targets: job.targets,
      excludes,
      excludePatterns: job.excludes ?? [],
      tags: job.tags ?? [],
      host: job.host,
      user: userName(),
      uid,
      gid,
      programVersion: `hostark ${VERSION}`,
      signal,
      onEvent: context.onEvent,
    });
  });
  return {
    snapshotId: result.snapshotId,
    errorCount: result.errorCount,
    summary: backupSummary(result),
    ...traffic,
  };
}
