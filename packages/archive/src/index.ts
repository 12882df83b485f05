/** Archive: file system to repository and back. Linux begins here. */
export { backup } from './backup/backup.ts';
export {
  type BackupItemError,
  type BackupOptions,
  type BackupResult,
  type BackupSummary,
  COMPRESSION,
  type Compression,
  type ExcludeRule,
  type PresenceTag,
  type SnapshotIdentity,
  type StorageOptions,
  type StreamOptions,
} from './backup/options.ts';
export { backupStream } from './backup/stream.ts';
