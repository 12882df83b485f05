/** Removes locks that were left behind. Never hurts the processes that hold the others. */
import { type Clock, systemClock } from '../backends/clock.ts';
import { type LockInfo, type LockRepository, readLock } from './lock-file.ts';
import { isProcessAlive, isStale } from './stale.ts';

export interface UnlockOptions {
  /** This machine's name, as locks of it say. */
  readonly host: string;
  /** Removes every lock, also live, empty and unreadable ones. @default false: stale ones alone */
  readonly removeAll?: boolean;
  readonly clock?: Clock;
  readonly isAlive?: (pid: number) => boolean;
}

/** A lock that was removed; `info` is null when it could not be read. */
export interface RemovedLock {
  readonly id: string;
  readonly info: LockInfo | null;
}

/** Removes stale locks (or all) and returns them. Locks that cannot be read are left alone unless `removeAll`. */
export async function unlock(repo: LockRepository, options: UnlockOptions): Promise<RemovedLock[]> {
  const rule = {
    nowMs: (options.clock ?? systemClock).now(),
    host: options.host,
    isAlive: options.isAlive ?? isProcessAlive,
  };
  const removed: RemovedLock[] = [];
  for await (const { name: id } of repo.backend.list('locks')) {
    const info = await readLock(repo, id).catch(() => null);
    if (!options.removeAll && (info === null || !isStale(info, rule))) continue;
    await repo.backend.remove({ type: 'locks', name: id });
    removed.push({ id, info });
  }
  return removed;
}
