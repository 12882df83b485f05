/** When a lock no longer means anything: restic's rules, with a liveness probe that does not hurt the process it asks about. */
import type { LockInfo } from './lock-file.ts';

/** Locks are refreshed every 5 minutes; one this old was left behind. restic's `StaleLockTimeout`. */
export const STALE_AFTER_MS: number = 30 * 60_000;

export interface StaleRule {
  readonly nowMs: number;
  /** This machine's name: only its own processes can be asked about. */
  readonly host: string;
  /** Returns whether a process of this machine runs. */
  readonly isAlive: (pid: number) => boolean;
}

/** Returns true if the lock is older than 30 minutes, or its process was on this machine and is gone. */
export function isStale(lock: LockInfo, rule: StaleRule): boolean {
  if (rule.nowMs - lock.timeMs > STALE_AFTER_MS) return true;
  return lock.host === rule.host && !rule.isAlive(lock.pid);
}

interface Killer {
  kill(pid: number, signal: 0): boolean;
}

/**
 * Returns whether a process with this id runs here, by signal 0, which is delivered to nobody. "Not permitted" means that
 * it runs under another user. (restic sends SIGHUP instead, and takes "not permitted" for dead.) Where there are no
 * processes to ask, the answer is true: then only age makes a lock stale.
 */
export function isProcessAlive(pid: number): boolean {
  const runtime = (globalThis as { process?: Partial<Killer> }).process;
  if (typeof runtime?.kill !== 'function') return true;
  // 0 and negative numbers name process groups, not a process.
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    runtime.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code !== 'ESRCH';
  }
}
