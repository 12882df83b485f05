/**
 * Saves files and folders as one snapshot.
 */
import type { Repository } from '@hostark/repository';
import type { BackupOptions, BackupResult } from './options.ts';

/**
 * Saves `options.targets` into `repository` (open, index loaded, locked by the caller) and returns the summary.
 * Items that cannot be saved are reported, counted, and left out; the rest is saved. Throws HostarkError
 * 'source-missing' if no target exists, 'source-empty' if nothing is left to save, 'interrupted' if `signal` fired:
 * then no snapshot exists, but what was stored is indexed and the next run uses it.
 */
export async function backup(repository: Repository, options: BackupOptions): Promise<BackupResult> {
  throw new Error(`not there yet: ${repository.backend.location} ${options.targets.length}`);
}
