/** Looks for locks of others that forbid ours, and says who holds them. */
import { HostarkError } from '@hostark/protocol';
import type { Clock } from '../backends/clock.ts';
import { type LockInfo, type LockRepository, lockIds, readLock } from './lock-file.ts';
import { isProcessAlive, isStale, STALE_AFTER_MS } from './stale.ts';

/** Waits before an unreadable lock is read again: it may be half visible on an eventually consistent store. */
const REREAD_DELAYS_MS = [5_000, 10_000, 20_000];

export interface ConflictCheck {
  readonly exclusive: boolean;
  readonly host: string;
  /** Our own lock, once written. */
  readonly ownId: string | null;
  readonly clock: Clock;
  readonly isAlive?: ((pid: number) => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Resolves when no other lock forbids ours: exclusive conflicts with any, non-exclusive with exclusive. Stale locks count
 * too, only unlock() removes them. Throws 'locked' on conflict, 'object-damaged' when a lock stays unreadable for 35 s.
 */
export async function refuseConflicts(repo: LockRepository, check: ConflictCheck): Promise<void> {
  const compatible = new Set<string>(check.ownId === null ? [] : [check.ownId]);
  for (const delay of [...REREAD_DELAYS_MS, null]) {
    const unreadable = await findUnreadable(repo, check, compatible);
    if (unreadable === null) return;
    if (delay === null) throw unreadableLock(unreadable.id, unreadable.error);
    await check.clock.sleep(delay, { signal: check.signal });
  }
}

async function findUnreadable(
  repo: LockRepository,
  check: ConflictCheck,
  compatible: Set<string>,
): Promise<{ id: string; error: unknown } | null> {
  let unreadable: { id: string; error: unknown } | null = null;
  for await (const id of lockIds(repo)) {
    if (compatible.has(id)) continue;
    let other: LockInfo | null;
    try {
      other = await readLock(repo, id);
    } catch (error) {
      // Go on: a conflict found in another lock is certain and need not wait for this one.
      unreadable = { id, error };
      continue;
    }
    if (other !== null && (check.exclusive || other.exclusive)) throw lockedBy(other, id, check);
    compatible.add(id);
  }
  return unreadable;
}

function lockedBy(other: LockInfo, id: string, check: ConflictCheck): HostarkError {
  const nowMs = check.clock.now();
  const stale = isStale(other, { nowMs, host: check.host, isAlive: check.isAlive ?? isProcessAlive });
  const since = `${new Date(other.timeMs).toISOString()} (${printAge(nowMs - other.timeMs)} ago)`;
  const who = `${other.user === '' ? `uid ${other.uid}` : other.user} on ${other.host}, process ${other.pid}`;
  const how = other.exclusive
    ? 'locked exclusively'
    : check.exclusive
      ? 'in use, and exclusive access is needed'
      : 'locked';
  const old = nowMs - other.timeMs > STALE_AFTER_MS;
  return new HostarkError('locked', `the repository is ${how}: ${who}, since ${since}`, {
    hint: stale
      ? `that lock is stale (${old ? 'not refreshed for 30 minutes' : 'its process is gone'}); remove it with \`hostark unlock\``
      : 'wait until it is done, or let this command wait with `--retry-lock 10m`',
    context: {
      lock: id,
      host: other.host,
      user: other.user,
      pid: other.pid,
      uid: other.uid,
      gid: other.gid,
      since: new Date(other.timeMs).toISOString(),
      exclusive: other.exclusive,
      stale,
    },
    retry: 'later',
  });
}

function unreadableLock(id: string, cause: unknown): HostarkError {
  return new HostarkError('object-damaged', `locks/${id} cannot be read, so nobody knows whom it belongs to`, {
    hint: 'make sure that nobody works on the repository, then run `hostark unlock --remove-all`',
    context: { object: `locks/${id}` },
    cause,
  });
}

function printAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
