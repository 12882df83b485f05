/** Work under a lock, which is released whatever happens; if it wishes, it begins while the lock is still being taken. */
import { type HostarkError, isHostarkError } from '@hostark/protocol';
import { acquireLock, type FileType, type HeldBackBackend, heldBack, type Repository } from '@hostark/repository';
import { Attempts } from './attempts.ts';
import { lockHolder } from './maker.ts';

/** An open, locked repository. `signal` aborts on Ctrl-C and when the lock is lost. */
export interface OpenedRepository {
  readonly repository: Repository;
  readonly signal: AbortSignal;
  /** Resolves once the lock is held for certain; what was read is worth nothing before. Rejects if it is not to be had. */
  readonly confirmed: Promise<void>;
}

export interface LockedOptions {
  readonly exclusive: boolean;
  /** Tries this long for a lock that others hold; default 0. */
  readonly retryMs?: number;
  /**
   * The work begins while the lock is written and settles, on a repository of its own whose changes wait for `confirmed`. Before that it
   * must tell nothing and change nothing elsewhere.
   */
  readonly beginsEarly?: boolean;
  /** What work that begins early lists first, in this order: listed at once. */
  readonly lists?: readonly FileType[];
  readonly signal: AbortSignal;
  readonly onWait?: (conflict: HostarkError, delayMs: number) => void;
}

/** Runs `work` while the lock is held. Throws what it throws, 'locked', and 'lock-lost' for what failed because of that. */
export async function withLock<T>(
  repository: Repository,
  options: LockedOptions,
  work: (opened: OpenedRepository) => Promise<T>,
): Promise<T> {
  const { exclusive, retryMs = 0, beginsEarly = false, lists = [], signal } = options;
  let early: HeldBackBackend | null = null;
  const attempts = new Attempts((stop, confirmed) => {
    if (beginsEarly) early = heldBack(repository.backend, confirmed, lists);
    return work({
      repository: early === null ? repository : repository.through(early),
      signal: AbortSignal.any([signal, stop]),
      confirmed,
    });
  });
  const beginEarly = (): void => attempts.begin();
  const onWait = (conflict: HostarkError, delayMs: number): void => {
    attempts.giveUp(conflict);
    options.onWait?.(conflict, delayMs);
  };
  const holding = { ...lockHolder(), exclusive, retryMs, signal, onWait };
  const lock = await acquireLock(repository, beginsEarly ? { ...holding, onUnopposed: beginEarly } : holding).catch(
    async (error: unknown) => {
      await attempts.drop(error);
      throw error;
    },
  );
  try {
    if (early !== null && (isMissing(attempts.failure) || (await isOutdated(early, repository, exclusive))))
      attempts.begin();
    return await attempts.settle(lock.lost);
  } catch (error) {
    await attempts.drop(error);
    // What failed because the lock was lost is told as that.
    if (lock.lost.aborted && !isHostarkError(error, 'lock-lost')) throw lock.lost.reason;
    throw error;
  } finally {
    await lock.release();
  }
}

/** What was listed may have gone before it was read, as long as our lock was not certain. */
function isMissing(failure: unknown): boolean {
  return isHostarkError(failure, 'object-missing');
}

/**
 * A prune that ended before our lock was certain leaves no lock to be seen, but it has replaced index files: what was read of
 * them is not to be trusted. Who works alone (`exclusive`) must have read all that others have added as well.
 */
async function isOutdated(early: HeldBackBackend, { backend }: Repository, exclusive: boolean): Promise<boolean> {
  const before = await early.listedIndexes();
  if (before === null) return false;
  const now = new Set<string>();
  for await (const { name } of backend.list('index')) now.add(name);
  const lost = [...before].some((name) => !now.has(name));
  return lost || (exclusive && now.size > before.size);
}
