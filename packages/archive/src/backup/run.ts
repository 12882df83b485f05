/**
 * The frame around every backup: exclusive use, storing, interruption, the snapshot at the end. What is saved comes from
 * `save`, which leaves the root tree's id.
 */
import { HostarkError, isHostarkError } from '@hostark/protocol';
import {
  type BlobId,
  type Instant,
  localInstant,
  type Repository,
  type SnapshotId,
  type StoredSnapshot,
  systemZone,
  type ZoneOffset,
} from '@hostark/repository';
import { withExclusiveUse } from './exclusive-use.ts';
import type { BackupResult, SnapshotIdentity, StorageOptions } from './options.ts';
import { Reporter } from './reporter.ts';
import { Storing } from './storing.ts';

/** How often progress is looked at while the walk is silent. */
const TICK_MS = 200;

export interface RunOptions extends SnapshotIdentity, StorageOptions {
  readonly verbose?: boolean;
  readonly skipIfUnchanged?: boolean;
  readonly signal?: AbortSignal;
  readonly onEvent?: ConstructorParameters<typeof Reporter>[0];
}

/** What a backup knows before it begins. */
export interface RunPlan {
  /** Absolute, as the snapshot records them. */
  readonly paths: readonly string[];
  readonly excludes: readonly string[];
  readonly findParent: (time: Instant) => Promise<StoredSnapshot | null>;
}

/** What `save` works with. */
export interface RunContext {
  readonly storing: Storing;
  readonly reporter: Reporter;
  readonly parent: StoredSnapshot | null;
  readonly zone: ZoneOffset;
  /** Rejects when the backup must end: race long waits against it. */
  readonly failed: Promise<never>;
}

/** Saves something as a snapshot. See backup() and backupStream() for errors. */
export async function runBackup(
  repository: Repository,
  options: RunOptions,
  prepare: (reporter: Reporter) => RunPlan | Promise<RunPlan>,
  save: (context: RunContext) => Promise<BlobId>,
): Promise<BackupResult> {
  const zone = options.zone ?? systemZone;
  const start = now(zone);
  const startMs = performance.now();
  const time = options.time ?? start;
  options.signal?.throwIfAborted();
  return await withExclusiveUse(repository, async () => {
    let storing: Storing | null = null;
    const reporter = new Reporter(options.onEvent, options.verbose === true, () => ({
      files: storing?.summary.files ?? 0,
      bytes: storing?.bytesDone ?? 0,
    }));
    const plan = await prepare(reporter);
    const parent = await plan.findParent(time);
    // After the parent: then every blob that it names is in the index, for a prune removes snapshots first.
    await repository.loadIndex(options.signal === undefined ? {} : { signal: options.signal });
    const lost = lockLoss(options.signal);
    storing = new Storing(repository, options, lost);
    const tree = await storeAll(storing, reporter, options.signal, (failed) =>
      save({ storing: storing!, reporter, parent, zone, failed }),
    );
    if (options.dryRun !== true) storing.expectAllStored();
    const end = now(zone);
    const summary = storing.summary.summary();
    const skip = options.dryRun === true || (options.skipIfUnchanged === true && parent?.tree === tree);
    let snapshotId: SnapshotId | null = null;
    if (!skip) {
      options.signal?.throwIfAborted();
      const snapshot = {
        time,
        parent: parent?.id ?? null,
        tree,
        paths: plan.paths,
        hostname: options.host,
        username: options.user ?? '',
        uid: options.uid ?? 0,
        gid: options.gid ?? 0,
        excludes: plan.excludes,
        tags: options.tags ?? [],
        original: null,
        programVersion: options.programVersion ?? '',
        summary: { backupStart: start, backupEnd: end, ...summary },
      };
      // An interruption no longer counts: half an upload would leave it open whether the snapshot is there.
      snapshotId = await repository.snapshots().save(snapshot, lost);
    }
    const result = {
      snapshotId,
      parent: parent?.id ?? null,
      tree,
      summary,
      start,
      end,
      durationMs: performance.now() - startMs,
      errorCount: reporter.errorCount,
      errors: reporter.errors,
    };
    return { result, allStored: options.dryRun !== true };
  });
}

/** Runs `save`, then makes everything durable; on interruption keeps what there is and throws. */
async function storeAll(
  storing: Storing,
  reporter: Reporter,
  signal: AbortSignal | undefined,
  save: (failed: Promise<never>) => Promise<BlobId>,
): Promise<BlobId> {
  const failed = new Promise<never>((_, reject) => {
    storing.onFailure = () => reject(storing.failure?.error);
  });
  failed.catch(() => {}); // whoever waits sees it; nobody may be waiting
  const interrupt = (): void => storing.fail(interruption(signal));
  signal?.addEventListener('abort', interrupt, { once: true });
  if (signal?.aborted === true) interrupt();
  const ticker = setInterval(() => reporter.tick(), TICK_MS);
  try {
    const tree = await save(failed);
    await Promise.race([storing.flushData(), failed]);
    await Promise.race([storing.finish(), failed]);
    if (storing.failure !== null) throw storing.failure.error;
    return tree;
  } catch (error) {
    storing.fail(error);
    await salvage(storing);
    throw storing.failure?.error ?? error;
  } finally {
    clearInterval(ticker);
    signal?.removeEventListener('abort', interrupt);
    await storing.close();
  }
}

/**
 * Makes what was stored findable for the next run. Not after losing the lock: then another program may be removing packs
 * that no index names, and an index file of ours would name them.
 */
async function salvage(storing: Storing): Promise<void> {
  const error = storing.failure?.error;
  if (isHostarkError(error, 'lock-lost')) return;
  try {
    await storing.flushData();
    await storing.finish();
  } catch {
    // What ended the backup is what the caller hears; storage that failed fails here as well.
  }
}

/** Aborted when `signal` says that the lock is lost, and only then. */
function lockLoss(signal: AbortSignal | undefined): AbortSignal {
  const lost = new AbortController();
  const look = (): void => {
    if (isHostarkError(signal?.reason, 'lock-lost')) lost.abort(signal.reason);
  };
  signal?.addEventListener('abort', look, { once: true });
  if (signal?.aborted === true) look();
  return lost.signal;
}

function interruption(signal: AbortSignal | undefined): unknown {
  const reason: unknown = signal?.reason;
  if (isHostarkError(reason)) return reason;
  return new HostarkError('interrupted', 'the backup was interrupted; what was stored so far is kept', {
    hint: 'run the same backup again: it continues with what is stored',
    cause: reason,
  });
}

function now(zone: ZoneOffset): Instant {
  return localInstant(BigInt(Date.now()) * 1_000_000n, zone);
}
