/** The counters of one backup, with restic's meaning: an entry is unmodified if its node equals the parent's in full. */
import { sameNode, type TreeNode } from '@hostark/repository';
import type { StoredCounts } from '../pool/jobs.ts';
import type { BackupSummary } from './options.ts';

/** How an entry relates to the parent snapshot. */
export type Change = 'new' | 'changed' | 'unchanged';

/** Counts as things complete. */
export class SummaryCounter {
  #filesNew = 0;
  #filesChanged = 0;
  #filesUnmodified = 0;
  #dirsNew = 0;
  #dirsChanged = 0;
  #dirsUnmodified = 0;
  #dataBlobs = 0;
  #treeBlobs = 0;
  #added = 0;
  #addedPacked = 0;
  #bytes = 0;
  #reusedBytes = 0;

  get files(): number {
    return this.#filesNew + this.#filesChanged + this.#filesUnmodified;
  }

  /** Bytes of files that were not read. */
  get reusedBytes(): number {
    return this.#reusedBytes;
  }

  /** Counts a file whose content was read. */
  file(node: TreeNode, previous: TreeNode | null): Change {
    return this.changedFile(changeOf(node, previous), Number(node.size));
  }

  /** Counts a file of so many bytes that was read. */
  changedFile(change: Change, bytes: number): Change {
    this.#bytes += bytes;
    if (change === 'new') this.#filesNew++;
    else if (change === 'changed') this.#filesChanged++;
    else this.#filesUnmodified++;
    return change;
  }

  /** Counts several files that the parent has not, which have so many bytes together. */
  newFiles(files: number, bytes: number): void {
    this.#bytes += bytes;
    this.#filesNew += files;
  }

  /** Counts a file whose content was taken over from the parent: unmodified, whatever its metadata says (as in restic). */
  reusedFile(size: bigint): void {
    this.reusedFiles(1, Number(size));
  }

  /** Counts several such files, which have so many bytes together. */
  reusedFiles(files: number, bytes: number): void {
    this.#bytes += bytes;
    this.#reusedBytes += bytes;
    this.#filesUnmodified += files;
  }

  /** Counts a directory. */
  dir(node: TreeNode, previous: TreeNode | null): Change {
    return this.changedDir(changeOf(node, previous));
  }

  changedDir(change: Change): Change {
    if (change === 'new') this.#dirsNew++;
    else if (change === 'changed') this.#dirsChanged++;
    else this.#dirsUnmodified++;
    return change;
  }

  stored(counts: StoredCounts): void {
    this.#dataBlobs += counts.dataBlobs;
    this.#added += counts.dataAdded;
    this.#addedPacked += counts.dataAddedPacked;
  }

  tree(plainBytes: number, packedBytes: number): void {
    this.#treeBlobs++;
    this.#added += plainBytes;
    this.#addedPacked += packedBytes;
  }

  /** Counts the headers of packs that were closed because they were full. */
  packsClosed(overheadBytes: number): void {
    this.#addedPacked += overheadBytes;
  }

  summary(): BackupSummary {
    return {
      filesNew: this.#filesNew,
      filesChanged: this.#filesChanged,
      filesUnmodified: this.#filesUnmodified,
      dirsNew: this.#dirsNew,
      dirsChanged: this.#dirsChanged,
      dirsUnmodified: this.#dirsUnmodified,
      dataBlobs: this.#dataBlobs,
      treeBlobs: this.#treeBlobs,
      dataAdded: this.#added,
      dataAddedPacked: this.#addedPacked,
      totalFilesProcessed: this.files,
      totalBytesProcessed: this.#bytes,
    };
  }
}

function changeOf(node: TreeNode, previous: TreeNode | null): Change {
  if (previous === null) return 'new';
  return sameNode(node, previous) ? 'unchanged' : 'changed';
}
