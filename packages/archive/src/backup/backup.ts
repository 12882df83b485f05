/**
 * Saves files and folders as one snapshot (restic internal/archiver). The walk finds, the pool reads and stores, folders
 * become trees when their last entry is there, and the snapshot comes last.
 */
import { posix } from '@hostark/kernels';
import { HostarkError } from '@hostark/protocol';
import type { BlobId, Repository } from '@hostark/repository';
import { selectEverything } from '../select/selector.ts';
import { Exclusion } from '../walk/exclusion.ts';
import { absolutePath, pathBytes, printablePath } from '../walk/paths.ts';
import { planTargets } from '../walk/targets.ts';
import { FileQueue } from './file-queue.ts';
import type { SaveTree } from './folder.ts';
import type { BackupOptions, BackupResult } from './options.ts';
import { chooseParent } from './parent.ts';
import { entriesOf, ParentTrees } from './parent-trees.ts';
import type { Reporter } from './reporter.ts';
import { type RunContext, runBackup } from './run.ts';
import { Walker } from './walker.ts';

/**
 * Saves `options.targets` into `repository` (open and locked by the caller; its index is loaded here, after the parent was
 * chosen) and returns the summary. Items that cannot be saved are reported, counted, and left out; the rest is saved.
 * Throws HostarkError 'source-missing' if no target exists, 'source-empty' if nothing is left to save, 'interrupted' (or
 * the signal's own HostarkError) if `signal` fired: then no snapshot exists, but what was stored is indexed and the next
 * run uses it. One backup at a time per open repository.
 */
export async function backup(repository: Repository, options: BackupOptions): Promise<BackupResult> {
  const workingDirectory = pathBytes(options.workingDirectory ?? process.cwd());
  let targets: readonly Buffer[] = [];
  return await runBackup(
    repository,
    options,
    (reporter) => {
      targets = existingTargets(options.targets.map(pathBytes), workingDirectory, reporter);
      const paths = targets.map((target) => absolutePath(target, workingDirectory).toString('utf8'));
      return {
        paths,
        excludes: options.excludePatterns ?? [],
        findParent: (time) => chooseParent(repository, options, paths, time),
      };
    },
    (context) => saveTargets(repository, options, targets, workingDirectory, context),
  );
}

/** Targets that are not there are reported; the others are saved. */
function existingTargets(targets: readonly Buffer[], workingDirectory: Buffer, reporter: Reporter): readonly Buffer[] {
  const system = posix();
  const existing = targets.filter((target) => {
    const path = absolutePath(target, workingDirectory);
    try {
      system.lstat(path);
      return true;
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOENT') return true; // the walk reports it
      reporter.error(path, 'target', 'does not exist');
      return false;
    }
  });
  if (existing.length > 0) return existing;
  const found = targets.length === 0 ? 'none was given' : `none of ${targets.length} exists`;
  throw new HostarkError('source-missing', `expected a file or folder to save, but ${found}`, {
    hint: 'check the paths; relative ones start at the working directory',
  });
}

async function saveTargets(
  repository: Repository,
  options: BackupOptions,
  targets: readonly Buffer[],
  workingDirectory: Buffer,
  context: RunContext,
): Promise<BlobId> {
  const { storing, reporter, parent, failed } = context;
  const { summary, trees } = storing;
  const system = posix();
  const queue = new FileQueue(
    storing.pool,
    storing.workers > 1,
    (counts) => summary.stored(counts),
    (error) => storing.fail(error),
  );
  let rootDone: (root: { readonly tree: BlobId; readonly entries: number }) => void = () => {};
  const root = new Promise<{ readonly tree: BlobId; readonly entries: number }>((resolve) => {
    rootDone = resolve;
  });
  // Entries may be missing because the workers were stopped.
  const save: SaveTree = (tree, lent) => (storing.failure === null ? trees.save(tree, lent) : null);
  const parents = new ParentTrees(repository);
  const walker = new Walker(
    {
      workingDirectory,
      nodes: { posix: system, zone: context.zone, withAtime: options.withAtime === true },
      exclusion: new Exclusion(
        {
          selector: options.excludes ?? selectEverything,
          tagFiles: options.excludeIfPresent ?? [],
          largerThan: options.excludeLargerThan ?? null,
          oneFileSystem: options.oneFileSystem === true,
        },
        system,
        (directory, message) => reporter.notice('warning', `${printablePath(directory)}: ${message}`),
      ),
      change: { ignoreInode: options.ignoreInode === true, ignoreCtime: options.ignoreCtime === true },
      blobs: repository.blobs,
      parents,
      queue,
      summary,
      reporter,
      room: () => {
        if (storing.failure !== null) throw storing.failure.error;
        const full = queue.room() ?? trees.room();
        return full === null ? null : Promise.race([full, failed]);
      },
      save,
    },
    options.plainWalk === true,
  );
  const list = (directory: Uint8Array): readonly Uint8Array[] =>
    system.readDirectory(absolutePath(directory, workingDirectory)).names;
  const top = planTargets(targets, list);
  const rethrow = (error: unknown): never => {
    throw error;
  };
  try {
    const before = entriesOf(parent === null ? null : await parents.load(parent.tree), rethrow);
    await walker.walk(top, before, (tree, entries) => rootDone({ tree, entries }));
  } finally {
    parents.close();
  }
  queue.end();
  const { tree, entries } = await Promise.race([root, failed]);
  if (entries > 0) return tree;
  throw new HostarkError('source-empty', 'nothing is left to save: every target was left out or could not be read', {
    hint: 'check the exclude patterns and the permissions of the targets',
  });
}
