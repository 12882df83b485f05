/** Opens the repository of a job, with the host's own credentials, and counts what is asked of the bucket. */
import { nodePlatform } from '@hostark/kernels';
import type { BackupJob, RestoreJob } from '@hostark/protocol';
import { initRepository, memoryBackend, openBackend, type Repository } from '@hostark/repository';
import { type Traffic, withSession } from '../repository/session.ts';
import { cacheDirectory } from '../terminal/io.ts';
import type { JobContext } from './job-context.ts';

/** Runs `work` with the open repository, locked unless the job is a dry run; returns its result and the traffic. */
export async function withJobRepository<T>(
  job: BackupJob | RestoreJob,
  { context, signal }: Pick<JobContext, 'context' | 'signal'>,
  work: (repository: Repository, signal: AbortSignal) => Promise<T>,
): Promise<{ readonly value: T; readonly traffic: Traffic }> {
  const options = { password: job.repository.password, lock: job.dryRun ? 'none' : 'shared', signal } as const;
  if (job.kind === 'backup' && job.dryRun && job.noRepository) {
    const empty = memoryBackend();
    await initRepository(empty, { password: options.password, platform: nodePlatform() });
    return withSession(empty, options, work);
  }
  const { location, region } = job.repository;
  const backend = await openBackend(location, {
    opens: job.dryRun ? 'unlocked' : 'locked',
    cacheDirectory: cacheDirectory(context.io),
    ...(job.rates === undefined ? {} : { rates: job.rates }),
    s3: region === undefined ? {} : { region },
  });
  return withSession(backend, options, work);
}
