/**
 * Saves one stream of bytes (`--stdin`, `--stdin-from-command`) as a snapshot with a single file.
 */
import type { Repository } from '@hostark/repository';
import type { BackupResult, StreamOptions } from './options.ts';

/**
 * Saves `options.source` as one file. An empty stream is HostarkError 'source-empty': restic refuses it as well,
 * because it nearly always means that the program before the pipe failed.
 */
export async function backupStream(repository: Repository, options: StreamOptions): Promise<BackupResult> {
  throw new Error(`not there yet: ${repository.backend.location} ${options.filename}`);
}
