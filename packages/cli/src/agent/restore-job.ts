/** The agent's restore: a snapshot, or a part of it, onto the host. */
import { restore, startRestoreThreads } from '@hostark/archive';
import type { RestoreJob } from '@hostark/protocol';
import { openSnapshot } from '../repository/snapshot-tree.ts';
import { optimizeReluctantly } from '../terminal/memory.ts';
import type { JobContext } from './job-context.ts';
import { withJobRepository } from './job-repository.ts';

export async function runRestoreJob(job: RestoreJob, context: JobContext): Promise<Record<string, unknown>> {
  const ahead = startRestoreThreads();
  const restored = withJobRepository(job, context, async (repository, signal) => {
    optimizeReluctantly();
    const { tree } = await openSnapshot(repository, job.snapshot, {}, signal);
    return restore(repository, tree, job.target, {
      include: job.includes ?? [],
      iinclude: job.iincludes ?? [],
      exclude: job.excludes ?? [],
      iexclude: job.iexcludes ?? [],
      overwrite: job.overwrite ?? 'always',
      delete: job.delete ?? false,
      verify: job.verify ?? true,
      dryRun: job.dryRun ?? false,
      sparse: true,
      signal,
      onEvent: context.onEvent,
    });
  });
  const { value: result, traffic } = await restored.finally(() => ahead.close());
  const { durationMs: _, dryRun: __, ...counts } = result;
  return { ...counts, ...traffic };
}
