/**
 * An open repository for the length of some work: opened, locked, its traffic counted, unlocked, closed, whatever
 * happens. The agent on a host and the commands on this machine use the same one.
 */
import { nodePlatform } from '@hostark/kernels';
import { type Backend, type CachingBackend, counting, openRepository, type Repository } from '@hostark/repository';
import { keepYoungGenerationSmall } from '../terminal/memory.ts';
import { withLock } from './locked.ts';

/** Requests by operation and bytes both ways, for reports. */
export interface Traffic {
  readonly requests: Readonly<Record<string, number>>;
  readonly bytesUploaded: number;
  readonly bytesDownloaded: number;
}

export interface SessionOptions {
  readonly password: string;
  /** A dry run takes no lock. */
  readonly lock: 'none' | 'shared' | 'exclusive';
  readonly signal: AbortSignal;
}

/**
 * Opens the repository behind `backend` and runs `work`; the signal that `work` gets fires also when the lock is lost.
 * Closes the backend in any case. Throws what opening and locking throw, and 'lock-lost' for what failed because of it.
 */
export async function withSession<T>(
  backend: Backend & Partial<Pick<CachingBackend, 'useRepository' | 'keys'>>,
  { password, lock: kind, signal }: SessionOptions,
  work: (repository: Repository, signal: AbortSignal) => Promise<T>,
): Promise<{ readonly value: T; readonly traffic: Traffic }> {
  const counted = counting(backend);
  try {
    const repository = await openRepository(counted, { password, platform: nodePlatform(), keys: backend.keys });
    keepYoungGenerationSmall();
    backend.useRepository?.(repository.config.id);
    const value =
      kind === 'none'
        ? await work(repository, signal)
        : await withLock(repository, { exclusive: kind === 'exclusive', signal }, (opened) =>
            work(opened.repository, opened.signal),
          );
    return { value, traffic: trafficOf(counted) };
  } finally {
    await counted.close();
  }
}

function trafficOf({ counts }: ReturnType<typeof counting>): Traffic {
  return {
    requests: Object.fromEntries(Object.entries(counts).map(([operation, { requests }]) => [operation, requests])),
    bytesUploaded: counts.save.bytes,
    bytesDownloaded: counts.load.bytes,
  };
}
