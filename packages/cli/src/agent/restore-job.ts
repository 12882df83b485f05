/** The agent's restore: a snapshot, or a part of it, onto the host. */
import { restore } from '@hostark/archive';
import type { RestoreJob } from '@hostark/protocol';
import { openSnapshot } from '../repository/snapshot-tree.ts';
import type { JobContext } from './job-context.ts';
import { withJobRepository } from './job-repository.ts';

export async function runRestoreJob(job: RestoreJob, context: JobContext): Promise<Record<string, unknown>> {
  const { value: result, traffic } = await withJobRepository(job.repository, context, async (repository, signal) => {
    const { tree } = await openSnapshot(repository, job.snapshot, {}, signal);
    return restore(repository, tree, job.target, {
      include: job.includes ?? [],
      overwrite: job.overwrite ?? 'always',
      verify: job.verify ?? true,
      sparse: true,
      signal,
      onEvent: context.onEvent,
    });
  });
  return {
    filesRestored: result.filesRestored,
    bytesRestored: result.bytesRestored,
    filesVerified: result.filesVerified,
    errorCount: result.errorCount,
    errors: result.errors,
    ...traffic,
  };
}
