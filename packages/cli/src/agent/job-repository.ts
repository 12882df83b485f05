/** Opens the repository of a job, with the host's own credentials, and counts what is asked of the bucket. */
import { nodePlatform } from '@hostark/kernels';
import type { RepositoryAccess } from '@hostark/protocol';
import { acquireLock, counting, openBackend, openRepository, type Repository } from '@hostark/repository';
import { lockHolder } from '../repository/open.ts';
import { cacheDirectory } from '../terminal/io.ts';
import type { JobContext } from './job-context.ts';

/** Requests by operation and bytes both ways, for the report. */
export interface Traffic {
  readonly requests: Record<string, number>;
  readonly bytesUploaded: number;
  readonly bytesDownloaded: number;
}

/** Runs `work` with the open, locked repository whose index is loaded; returns its result and the traffic. */
export async function withJobRepository<T>(
  access: RepositoryAccess,
  { context, signal }: JobContext,
  work: (repository: Repository, signal: AbortSignal) => Promise<T>,
): Promise<{ value: T; traffic: Traffic }> {
  const cached = await openBackend(access.location, {
    cacheDirectory: cacheDirectory(context.io),
    s3: access.region === undefined ? {} : { region: access.region },
  });
  const backend = counting(cached);
  try {
    const repository = await openRepository(backend, { password: access.password, platform: nodePlatform() });
    cached.useRepository(repository.config.id);
    const lock = await acquireLock(repository, { ...lockHolder(), exclusive: false, signal });
    let value: T;
    try {
      value = await work(repository, AbortSignal.any([signal, lock.lost]));
    } finally {
      await lock.release();
    }
    return { value, traffic: trafficOf(backend) };
  } finally {
    await backend.close();
  }
}

function trafficOf({ counts }: ReturnType<typeof counting>): Traffic {
  return {
    requests: Object.fromEntries(Object.entries(counts).map(([operation, { requests }]) => [operation, requests])),
    bytesUploaded: counts.save.bytes,
    bytesDownloaded: counts.load.bytes,
  };
}
