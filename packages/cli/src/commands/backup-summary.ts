/** A backup's result in the words of restic's scripting interface (doc/075_scripting). */
import type { BackupResult } from '@hostark/archive';
import { formatInstant } from '@hostark/repository';

export function backupSummary({
  summary,
  start,
  end,
  durationMs,
  snapshotId,
}: BackupResult): Record<string, string | number> {
  return {
    files_new: summary.filesNew,
    files_changed: summary.filesChanged,
    files_unmodified: summary.filesUnmodified,
    dirs_new: summary.dirsNew,
    dirs_changed: summary.dirsChanged,
    dirs_unmodified: summary.dirsUnmodified,
    data_blobs: summary.dataBlobs,
    tree_blobs: summary.treeBlobs,
    data_added: summary.dataAdded,
    data_added_packed: summary.dataAddedPacked,
    total_files_processed: summary.totalFilesProcessed,
    total_bytes_processed: summary.totalBytesProcessed,
    backup_start: formatInstant(start),
    backup_end: formatInstant(end),
    total_duration: durationMs / 1000,
    ...(snapshotId === null ? {} : { snapshot_id: snapshotId }),
  };
}
