/**
 * What a backup is asked for, and what it answers. Plain data; the meaning of every field is restic's where restic has it.
 */
import type { EventSink } from '@hostark/protocol';
import type { BlobId, Compression, Instant, SnapshotId, ZoneOffset } from '@hostark/repository';
import type { Selector } from '../select/selector.ts';
import type { TagFile } from '../select/stat-rules.ts';

/** Who and when: what the snapshot says about itself. */
export interface SnapshotIdentity {
  readonly host: string;
  readonly user?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly tags?: readonly string[];
  /** The snapshot's time. Default: now. */
  readonly time?: Instant;
  /** Written as `program_version`. */
  readonly programVersion?: string;
  /** The zone that times are written in. Default: the system's. */
  readonly zone?: ZoneOffset;
}

/** How the bytes are stored. */
export interface StorageOptions {
  /** Threads that read, hash, compress and seal. 0: everything on the calling thread. Default: one per core. */
  readonly workers?: number;
  /** Of data blobs in version 2; trees are always compressed there, nothing is in version 1. Default 'auto'. */
  readonly compression?: Compression;
  /** Bytes at which a pack is closed; 4 to 128 MiB. Default 16 MiB. */
  readonly packSizeBytes?: number;
  /** Nothing is written; the summary says what would have been. */
  readonly dryRun?: boolean;
}

/** What a backup of files and folders is asked for. */
export interface BackupOptions extends SnapshotIdentity, StorageOptions {
  /** Files and folders, absolute or relative to `workingDirectory`. */
  readonly targets: readonly (string | Uint8Array)[];
  /** Default: the process's current directory. */
  readonly workingDirectory?: string | Uint8Array;
  /** Patterns, compiled. Targets named by the user are never rejected, their entries are. */
  readonly excludes?: Selector;
  /** Patterns as the user wrote them with `--exclude`, recorded in the snapshot. */
  readonly excludePatterns?: readonly string[];
  /** In bytes. */
  readonly excludeLargerThan?: number;
  /** Directories that hold one of these keep nothing but their own node and the tag file. */
  readonly excludeIfPresent?: readonly TagFile[];
  readonly oneFileSystem?: boolean;
  /** The snapshot that unchanged files are taken from. 'auto' (default): the newest of the same host and targets. */
  readonly parent?: 'auto' | SnapshotId | null;
  /** Which of a snapshot's facts must agree when the parent is chosen. Default host and paths. */
  readonly groupBy?: { readonly host: boolean; readonly paths: boolean; readonly tags: boolean };
  /** Read every file again. */
  readonly force?: boolean;
  readonly ignoreInode?: boolean;
  readonly ignoreCtime?: boolean;
  readonly withAtime?: boolean;
  /** Save no snapshot if its tree would equal the parent's. */
  readonly skipIfUnchanged?: boolean;
  /** Send an 'item' event for every file and folder. */
  readonly verbose?: boolean;
  /** Walk the plain way, with a node for every entry: slower, the same snapshot. For comparisons. */
  readonly plainWalk?: boolean;
  readonly signal?: AbortSignal;
  readonly onEvent?: EventSink;
}

/** What a backup of one stream is asked for. */
export interface StreamOptions extends SnapshotIdentity, StorageOptions {
  /** Name in the snapshot; may hold folders. Default 'stdin'. */
  readonly filename?: string;
  readonly source: AsyncIterable<Uint8Array>;
  /**
   * Called at the end of the source, before the snapshot is saved: rejects if the program that wrote the stream failed.
   * The rejection is thrown on and no snapshot is saved.
   */
  readonly finished?: () => Promise<void>;
  readonly signal?: AbortSignal;
  readonly onEvent?: EventSink;
}

/** restic's summary, in bytes and counts of this run. */
export interface BackupSummary {
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly dirsNew: number;
  readonly dirsChanged: number;
  readonly dirsUnmodified: number;
  readonly dataBlobs: number;
  readonly treeBlobs: number;
  /** Plain bytes of the blobs that were not known before. */
  readonly dataAdded: number;
  /** The same as stored: compressed, sealed, with their share of the pack header. */
  readonly dataAddedPacked: number;
  readonly totalFilesProcessed: number;
  readonly totalBytesProcessed: number;
}

/** An item that is missing from the snapshot, or may differ from the source. */
export interface BackupItemError {
  readonly item: string;
  readonly during: string;
  readonly message: string;
}

export interface BackupResult {
  /** Null in a dry run, and if `skipIfUnchanged` applied. */
  readonly snapshotId: SnapshotId | null;
  readonly parent: SnapshotId | null;
  readonly tree: BlobId;
  readonly summary: BackupSummary;
  readonly start: Instant;
  readonly end: Instant;
  readonly durationMs: number;
  /** How many items failed. Not 0: the snapshot is incomplete (exit code 3). */
  readonly errorCount: number;
  /** The first 100 of them. */
  readonly errors: readonly BackupItemError[];
}
