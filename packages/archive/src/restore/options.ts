/** What a restore is asked for, and what it answers. Plain data; meanings are restic's where restic has them. */
import type { EventSink } from '@hostark/protocol';
import type { FilterPatterns } from '../select/filter.ts';

/**
 * What to do with files that exist. `always`: compared blob by blob, only different blobs are written. `if-changed`: as
 * always, but equal size and mtime count as equal content. `if-newer`: only where the snapshot's mtime is later.
 * `never`: what exists stays as it is. Folders get their metadata in every mode.
 */
export const OVERWRITE = ['always', 'if-changed', 'if-newer', 'never'] as const;
export type Overwrite = (typeof OVERWRITE)[number];

export interface RestoreOptions extends FilterPatterns {
  /** Default 'always'. */
  readonly overwrite?: Overwrite | undefined;
  /** Remove what is below the target but not in the snapshot, where the filter selects it. */
  readonly delete?: boolean | undefined;
  /** Read every restored file back and compare its hashes. */
  readonly verify?: boolean | undefined;
  /** Leave holes for runs of zeros in files that are written anew. */
  readonly sparse?: boolean | undefined;
  /** Write nothing; count and tell what would be done. */
  readonly dryRun?: boolean | undefined;
  /** Owners by name where this machine knows the name, by number elsewhere. */
  readonly ownershipByName?: boolean | undefined;
  /** Patterns of extended attribute names; either family, not both. */
  readonly includeXattr?: readonly string[] | undefined;
  readonly excludeXattr?: readonly string[] | undefined;
  /** Threads beside the calling one that open, verify and write. 0: none. Default: cores less one, at least 1, at most 4. */
  readonly workers?: number | undefined;
  /** Send an 'item' event for every file, folder and deletion. */
  readonly verbose?: boolean | undefined;
  /** Nothing is written or told before this resolves; if it rejects, the restore ends with its reason. Default: at once. */
  readonly mayWrite?: Promise<void> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: EventSink | undefined;
}

/** An item that could not be restored as it was. */
export interface RestoreItemError {
  /** Printable path in the snapshot, or of the target where deletion failed. */
  readonly item: string;
  readonly during: string;
  readonly message: string;
}

export interface RestoreResult {
  /** Items of any type that the filter selected. */
  readonly filesTotal: number;
  /** Written or, for what has no content, created. */
  readonly filesRestored: number;
  /** Left alone: content was right already, or the overwrite mode said so. */
  readonly filesSkipped: number;
  readonly filesDeleted: number;
  /** Of content: all, written, left alone. */
  readonly bytesTotal: number;
  readonly bytesRestored: number;
  readonly bytesSkipped: number;
  /** Files that were read back and found right; null without `verify`. */
  readonly filesVerified: number | null;
  /** Not 0: the restore is incomplete (exit code 1). Nothing with wrong content is left under its name. */
  readonly errorCount: number;
  /** The first 100 of them. */
  readonly errors: readonly RestoreItemError[];
  readonly dryRun: boolean;
  readonly durationMs: number;
}
