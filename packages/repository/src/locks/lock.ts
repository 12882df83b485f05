/**
 * Holding a lock on a repository, as restic does: look, write, wait 200 ms, look again; refresh every 5 minutes by
 * a new file before the old one goes; give up the work when no refresh succeeded for 22.5 minutes, since others may take
 * the lock for stale after 30. Wall clock, so that a standby is noticed.
 * There is no conditional create here: correctness relies on write, wait, list with a strongly consistent list. The wait
 * is for stores that show a lock a little later. Where a list shows all that was saved before (`isCoherent`: this machine's
 * own disks, S3) it has nothing to wait for: of two who write and then look, whoever writes later sees the other, waiting or not.
 */
import { HostarkError, isHostarkError } from '@hostark/protocol';
import { type Clock, systemClock } from '../backends/clock.ts';
import { refuseConflicts } from './conflict.ts';
import { encodeLock, type LockInfo, type LockRepository, lockIds } from './lock-file.ts';

export interface LockOptions {
  readonly exclusive: boolean;
  readonly host: string;
  readonly user: string;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Waits up to this long for a lock that others hold. @default 0 */
  readonly retryMs?: number;
  /** Told before each wait for others. */
  readonly onWait?: (conflict: HostarkError, delayMs: number) => void;
  /**
   * Told each time that the first look found nobody in the way, before our lock file is written: it will be held unless the
   * second look finds another. Who only reads may begin. What was read counts only if this attempt succeeds.
   */
  readonly onUnopposed?: () => void;
  /** Told when a refresh failed; it is tried again after a minute. */
  readonly onRefreshFailed?: (error: unknown) => void;
  /** Ends waiting for the lock; does not release one that is held. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  /** Whether a process of this machine runs; for the hint in 'locked'. */
  readonly isAlive?: (pid: number) => boolean;
}

/** A held lock. Writers must stop when `lost` is aborted (its reason is the error 'lock-lost'). */
export interface Lock extends AsyncDisposable {
  /** The current lock file; changes with each refresh. */
  readonly id: string;
  readonly lost: AbortSignal;
  /** Deletes the lock file. May be called again; later calls share the first one's outcome. */
  release(): Promise<void>;
}

/** Others' locks written at the same moment are visible after this, on any store; restic's `waitBeforeLockCheck`. */
const SETTLE_MS = 200;
const REFRESH_AFTER_MS = 5 * 60_000;
/** 30 minutes until others call it stale, less one and a half refreshes: restic's `refreshabilityTimeout`. */
const LOST_AFTER_MS = 22.5 * 60_000;
const REFRESH_RETRY_MS = 60_000;
/** A rescue that hangs longer than this has failed. */
const RESCUE_MS = 60_000;
/** How long release() waits for a refresh that is under way. */
const RELEASE_WAIT_MS = 10_000;
/** How soon a standby is noticed. */
const TICK_MS = 1000;
const FIRST_WAIT_MS = 5000;
const LONGEST_WAIT_MS = 60_000;

/**
 * Takes a lock and keeps it fresh until it is released. Throws 'locked' (exit code 11) naming who holds it, when that has
 * not ended within `retryMs`; 'object-damaged' when a lock cannot be read.
 */
export async function acquireLock(repo: LockRepository, options: LockOptions): Promise<Lock> {
  const clock = options.clock ?? systemClock;
  const deadline = clock.now() + (options.retryMs ?? 0);
  for (let delay = FIRST_WAIT_MS; ; delay = Math.min(2 * delay, LONGEST_WAIT_MS)) {
    try {
      return await tryAcquire(repo, options, clock);
    } catch (error) {
      const left = deadline - clock.now();
      if (!isHostarkError(error, 'locked') || left <= 0) throw error;
      const delayMs = Math.min(delay, left);
      repo.backend.traits?.forgetEarlyAnswers?.(); // whoever is there may change what they tell of
      options.onWait?.(error, delayMs);
      await clock.sleep(delayMs, { signal: options.signal });
    }
  }
}

async function tryAcquire(repo: LockRepository, options: LockOptions, clock: Clock): Promise<Lock> {
  const { exclusive, host, isAlive, signal } = options;
  const check = { exclusive, host, clock, isAlive, signal };
  signal?.throwIfAborted();
  await refuseConflicts(repo, { ...check, ownId: null });
  signal?.throwIfAborted();
  options.onUnopposed?.();
  const timeMs = clock.now();
  const id = await writeLock(repo, options, timeMs);
  try {
    if (repo.backend.traits?.isCoherent?.() !== true) await clock.sleep(SETTLE_MS, { signal });
    signal?.throwIfAborted();
    await refuseConflicts(repo, { ...check, ownId: id });
    // Whoever held the repository until now may have changed what was asked for early.
    repo.backend.traits?.forgetEarlyAnswers?.();
  } catch (error) {
    await repo.backend.remove({ type: 'locks', name: id }).catch(() => {});
    throw error;
  }
  return new HeldLock(repo, options, clock, id, timeMs);
}

function writeLock(repo: LockRepository, options: LockOptions, timeMs: number): Promise<string> {
  const { exclusive, host, user, pid, uid, gid } = options;
  const info: LockInfo = { timeMs, exclusive, host, user, pid, uid, gid };
  return repo.saveUnpacked('locks', encodeLock(info));
}

class HeldLock implements Lock {
  readonly #repo: LockRepository;
  readonly #options: LockOptions;
  readonly #clock: Clock;
  readonly #lost = new AbortController();
  readonly #stop = new AbortController();
  /** Files of ours that a failed delete left behind; release() tries again. */
  readonly #leftovers = new Set<string>();
  #id: string;
  #refreshedMs: number;
  #triedMs = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | null = null;
  #rescuing: Promise<boolean> | null = null;
  #released: Promise<void> | null = null;

  constructor(repo: LockRepository, options: LockOptions, clock: Clock, id: string, timeMs: number) {
    this.#repo = repo;
    this.#options = options;
    this.#clock = clock;
    this.#id = id;
    this.#refreshedMs = timeMs;
    void this.#watch();
  }

  get id(): string {
    return this.#id;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  release(): Promise<void> {
    this.#released ??= this.#doRelease();
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #doRelease(): Promise<void> {
    this.#stop.abort();
    // A write under way deletes its own file when it ends after this; wait a little, so that normally nothing is left.
    await this.#within(RELEASE_WAIT_MS, Promise.all([this.#refreshing, this.#rescuing]));
    for (const name of [this.#id, ...this.#leftovers]) await this.#repo.backend.remove({ type: 'locks', name });
  }

  async #watch(): Promise<void> {
    for (;;) {
      try {
        await this.#clock.sleep(TICK_MS, { signal: this.#stop.signal, idle: true });
      } catch {
        return;
      }
      const now = this.#clock.now();
      if (now - this.#refreshedMs >= LOST_AFTER_MS) {
        if (await this.#rescue()) continue;
        if (!this.#stop.signal.aborted) this.#lost.abort(lockLost(this.#id, now - this.#refreshedMs));
        return;
      }
      const due = now - this.#refreshedMs >= REFRESH_AFTER_MS && now - this.#triedMs >= REFRESH_RETRY_MS;
      if (due && this.#refreshing === null) {
        this.#triedMs = now;
        this.#refreshing = this.#refresh().finally(() => {
          this.#refreshing = null;
        });
      }
    }
  }

  /** Never rejects: a failure is told, and the next tick decides. */
  async #refresh(): Promise<void> {
    try {
      const timeMs = this.#clock.now();
      const id = await writeLock(this.#repo, this.#options, timeMs);
      await this.#replaceBy(id, timeMs);
    } catch (error) {
      this.#options.onRefreshFailed?.(error);
    }
  }

  /** After a standby or a long outage: if our file is still there, nobody can have taken over, and the lock is renewed. */
  async #rescue(): Promise<boolean> {
    const attempt = async (): Promise<boolean> => {
      if (!(await this.#isListed(this.#id))) return false;
      const timeMs = this.#clock.now();
      const id = await writeLock(this.#repo, this.#options, timeMs);
      await this.#clock.sleep(SETTLE_MS);
      if (!(await this.#isListed(this.#id))) {
        await this.#repo.backend.remove({ type: 'locks', name: id });
        return false;
      }
      await this.#replaceBy(id, timeMs);
      return true;
    };
    this.#rescuing = attempt().catch((error) => {
      this.#options.onRefreshFailed?.(error);
      return false;
    });
    return (await this.#within(RESCUE_MS, this.#rescuing)) ?? false;
  }

  /** Returns what `work` gives, or null when it takes longer than `ms`. */
  async #within<T>(ms: number, work: Promise<T>): Promise<T | null> {
    const done = new AbortController();
    const timeout = this.#clock.sleep(ms, { signal: done.signal, idle: true }).then(
      () => null,
      () => null,
    );
    const result = await Promise.race([work, timeout]);
    done.abort();
    return result;
  }

  async #replaceBy(id: string, timeMs: number): Promise<void> {
    if (this.#stop.signal.aborted) return await this.#repo.backend.remove({ type: 'locks', name: id });
    const old = this.#id;
    this.#id = id;
    this.#refreshedMs = timeMs;
    await this.#repo.backend.remove({ type: 'locks', name: old }).catch(() => this.#leftovers.add(old));
  }

  async #isListed(wanted: string): Promise<boolean> {
    for await (const id of lockIds(this.#repo)) if (id === wanted) return true;
    return false;
  }
}

function lockLost(id: string, ageMs: number): HostarkError {
  const minutes = Math.round(ageMs / 60_000);
  return new HostarkError(
    'lock-lost',
    `the lock could not be refreshed for ${minutes} minutes, so the work was stopped`,
    {
      hint: 'nothing stored so far is lost; run the same command again when the storage answers',
      context: { lock: id, minutes },
    },
  );
}
