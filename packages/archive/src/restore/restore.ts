/**
 * Writes a tree of a repository back to the file system.
 *
 *   walk the trees, as columns -> windows of some thousand files
 *   window: folders, links, devices -> compare what exists -> plan by pack -> fetch ranges -> threads open, verify, write,
 *   dress and name files -> folders get their metadata last, children before parents
 *
 * Guarantees: content is verified before it gets a name; nothing is written outside the target; what cannot be restored is
 * reported and everything else is restored. Memory is bounded by constants, but for the largest single folder.
 */
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { makeFolders, type Posix, posix, type Stat } from '@hostark/kernels';
import { HostarkError, silent } from '@hostark/protocol';
import { type BlobId, type Repository, TreeReader } from '@hostark/repository';
import { threadsWithin } from '../pool/cpu-limit.ts';
import { compileFilter } from '../select/filter.ts';
import { startAhead } from '../threads/start.ts';
import { isAbsolute, pathBytes, printablePath } from '../walk/paths.ts';
import { SegmentsAhead } from './ahead.ts';
import { REMOTE, segmentsAtOnce } from './content.ts';
import type { RestoreContext } from './context.ts';
import { type Crew, LARGE_JOBS, LOADED_PER_THREAD, startCrew } from './crew.ts';
import { Slots } from './limited.ts';
import type { RestoreOptions, RestoreResult } from './options.ts';
import { SegmentMemory } from './segment-memory.ts';
import { Tally } from './tally.ts';
import { TargetFolder } from './target-folder.ts';
import { Turns } from './turns.ts';
import { RestoreWalk, type WindowSizes } from './walk.ts';
import type { Actor } from './write-file.ts';
import { compileXattrFilter } from './xattr-filter.ts';

/** More threads than this wait for the disk, not for the processor. The calling thread works too. */
const MAX_THREADS = 4;
/**
 * Files to a window, at first and at most: about 100 bytes each. Small enough at first that threads soon have work; from afar large
 * enough that packs are read in few pieces.
 */
const LOCAL_WINDOWS: WindowSizes = { first: 1024, most: 8192 };
const REMOTE_WINDOWS: WindowSizes = { first: 2048, most: 32768 };
/** One tree pack of the usual size stays in memory. */
const TREE_CACHE_BYTES: number = 20 << 20;

/** Starts the threads of a restore() to come, while the repository is opened. To be closed in any case, after it. */
export function startRestoreThreads(): { close(): Promise<void> } {
  return startAhead('restore', defaultThreads());
}

/**
 * Restores `tree` (a snapshot's tree, or that of a subfolder) below `target`, which is made if it is not there. The index
 * must be loaded. Single items that fail are in the result (`errorCount`). Throws HostarkError 'bad-pattern' or 'usage' for
 * the options, 'target-unusable', 'disk-full', 'interrupted', and what the backend throws when it cannot be reached.
 */
export async function restore(
  repository: Repository,
  tree: BlobId,
  target: string | Uint8Array,
  options: RestoreOptions = {},
): Promise<RestoreResult> {
  const filter = compileFilter(options);
  const path = absolute(target);
  checkCombination(options, path, filter.takesAll);
  const system = posix();
  const dryRun = options.dryRun ?? false;
  const verify = options.verify ?? false;
  const tally = new Tally(options.onEvent ?? silent, options.verbose ?? false);
  const reader = new TreeReader(repository, { cacheBytes: TREE_CACHE_BYTES });
  const { signal } = options;
  throwIfInterrupted(signal);
  const actor = currentActor();
  const setup = { key: repository.key, actor, blobs: repository.blobs.share() };
  const isLocal = repository.backend.traits?.localDirectory !== undefined;
  const turns = new Turns();
  const depth = isLocal ? LARGE_JOBS : LOADED_PER_THREAD;
  const crew: Crew = startCrew(setup, turns, options.workers ?? defaultThreads(), depth);
  const root = TargetFolder.root(path);
  const mayWrite = (options.mayWrite ?? Promise.resolve()).then(() => {
    tally.begin();
    root.settle(prepareTarget(system, path, dryRun) !== null);
  });
  mayWrite.catch(() => {}); // awaited before the first write
  const atOnce = segmentsAtOnce({ crew, repository });
  const memory = new SegmentMemory(REMOTE.segmentBytes);
  const isKnown = !isLocal && !dryRun && isVacant(path);
  const ahead = isKnown ? new SegmentsAhead(repository, memory, { limits: REMOTE, atOnce, signal }) : null;
  const context: RestoreContext = {
    repository,
    system,
    crew,
    slots: new Slots(atOnce),
    memory,
    ahead,
    actor,
    tally,
    dryRun,
    verify,
    overwrite: options.overwrite ?? 'always',
    delete: options.delete ?? false,
    sparse: options.sparse ?? false,
    names: options.ownershipByName === true ? system : null,
    selectXattr: compileXattrFilter(options),
    signal,
    takesAll: filter.takesAll,
    mayWrite,
    turns,
    loadTree: (id) => reader.loadBytes(id, signal),
  };
  try {
    await new RestoreWalk(context, isLocal ? LOCAL_WINDOWS : REMOTE_WINDOWS).run(tree, root, filter.root);
  } catch (error) {
    throwIfInterrupted(signal);
    throw error;
  } finally {
    await ahead?.close();
    await crew.close();
  }
  return tally.finish({ dryRun, verify });
}

function checkCombination(options: RestoreOptions, target: Uint8Array, takesAll: boolean): void {
  if (options.dryRun === true && options.verify === true) {
    throw new HostarkError('usage', 'expected either a dry run or verification, found both', {
      hint: 'a dry run writes nothing that could be verified',
    });
  }
  if (options.delete === true && takesAll && target.length === 1) {
    throw new HostarkError('usage', 'refusing to delete everything below / that the snapshot does not have', {
      hint: 'say what to restore with --include or --exclude',
    });
  }
}

/** Whether nothing is at `path`, or a folder with nothing in it. */
function isVacant(path: Uint8Array): boolean {
  try {
    return readdirSync(Buffer.from(path)).length === 0;
  } catch (error) {
    return (error as { code?: unknown }).code === 'ENOENT';
  }
}

/** Returns what the target is, null if it is not there (dry run). Throws 'target-unusable'. */
function prepareTarget(system: Posix, path: Uint8Array, dryRun: boolean): Stat | null {
  try {
    if (!dryRun) makeFolders(Buffer.from(path), 0o700);
    const stat = system.stat(path);
    if ((stat.mode & 0o170000) === 0o040000) return stat;
  } catch (cause) {
    if (dryRun && (cause as { code?: unknown }).code === 'ENOENT') return null;
    throw new HostarkError(
      'target-unusable',
      `cannot restore into ${printablePath(path)}: ${(cause as Error).message}`,
      {
        hint: 'choose a folder that you may write to',
        cause,
      },
    );
  }
  throw new HostarkError('target-unusable', `expected a folder at ${printablePath(path)}, found something else`, {
    hint: 'choose another --target',
  });
}

function absolute(target: string | Uint8Array): Uint8Array {
  if (typeof target === 'string') return Buffer.from(resolve(target));
  const bytes = pathBytes(target);
  if (!isAbsolute(bytes)) throw new TypeError('target: a path of bytes must be absolute');
  return bytes.length > 1 && bytes.at(-1) === 0x2f ? bytes.subarray(0, -1) : bytes;
}

function currentActor(): Actor {
  const uid = process.geteuid?.() ?? 0;
  return { privileged: uid === 0 };
}

function defaultThreads(): number {
  return threadsWithin(Math.min(MAX_THREADS, Math.max(1, availableParallelism() - 1)));
}

function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new HostarkError('interrupted', 'the restore was interrupted', {
    hint: 'run the same restore again: what is there already is not written twice',
    cause: signal.reason,
  });
}
