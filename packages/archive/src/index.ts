/** Archive: file system to repository and back. Linux begins here. */
export { backup } from './backup/backup.ts';
export type {
  BackupItemError,
  BackupOptions,
  BackupResult,
  BackupSummary,
  SnapshotIdentity,
  StorageOptions,
  StreamOptions,
} from './backup/options.ts';
export { backupStream } from './backup/stream.ts';
export type { BlobCount } from './diff/blob-use.ts';
export { type DiffCount, type DiffOptions, type DiffResult, diffTrees, type TreeChange } from './diff/diff.ts';
export { changeJson, changeLine, diffStatistics } from './diff/format.ts';
export { ARCHIVE_FORMATS, type ArchiveFormat, type DumpOptions, type DumpSink, dump } from './dump/dump.ts';
export {
  type EntryQuery,
  type FindOptions,
  type FindResult,
  type FoundEntry,
  findEntries,
  type UnreadTree,
} from './find/find.ts';
export { entryJson, objectJson } from './find/format.ts';
export { IdPrefixes, type StoredBlob, storedBlobs } from './find/object-ids.ts';
export { type FoundObject, findObjects, type ObjectQuery, objectsOfPacks } from './find/objects.ts';
export { FindPatterns } from './find/patterns.ts';
export { type LongOptions, nodeJson, nodeLong } from './ls/format.ts';
export { type ListOptions, listTree } from './ls/list.ts';
export { type CompareOptions, compareManifests, describeMismatch, type Mismatch } from './manifest/compare.ts';
export { ENTRY_TYPES, type EntryType, type ManifestEntry } from './manifest/entry.ts';
export { type RecordOptions, recordManifest } from './manifest/record.ts';
export { compareManifest } from './manifest/verify.ts';
export {
  OVERWRITE,
  type Overwrite,
  type RestoreItemError,
  type RestoreOptions,
  type RestoreResult,
} from './restore/options.ts';
export { restore, startRestoreThreads } from './restore/restore.ts';
export { parseFilesFrom, parseFilesFromRaw, parseFilesFromVerbatim } from './select/files-from.ts';
export { compileFilter, type Decision, type Filter, type FilterPatterns, type FilterScope } from './select/filter.ts';
export { decodeText, parsePatternFile } from './select/pattern-file.ts';
export {
  compileSelector,
  type ExcludePatterns,
  matchPattern,
  type Scope,
  type Selector,
  selectEverything,
} from './select/selector.ts';
export { parseSize } from './select/size.ts';
export {
  CACHE_TAG,
  isForeign,
  isHiddenByTag,
  isTooLarge,
  judgeTagFile,
  parseTagFile,
  type TagFile,
  type TagFileFound,
} from './select/stat-rules.ts';
export { type ThreadOptions, verifyOnThreads } from './verify/verify.ts';
