/**
 * The work that goes to the pool and what comes back: struct-of-arrays in typed arrays, one message per batch.
 * Everything here is plain data that can be posted between threads.
 */
import type { SealingKey, Stat } from '@hostark/kernels';
import type { Compression, FormatVersion, SharedBlobTable } from '@hostark/repository';

/** What a worker must know once. Holds the master key: it is posted to threads of this process and nowhere else. */
export interface EngineSetup {
  readonly polynomial: bigint;
  readonly key: SealingKey;
  readonly repositoryVersion: FormatVersion;
  readonly compression: Compression;
  readonly packSizeBytes: number;
  /** Packs of data are handed over in pieces of about this size; absent: whole. */
  readonly pieceBytes?: number;
  readonly blobs: SharedBlobTable;
  /** Not 0: stop at the next chunk. One Int32 in shared memory. */
  readonly stop: Int32Array;
  /** Bytes of file content that all engines have read, in shared memory: for progress. */
  readonly bytesRead: BigInt64Array;
}

/** Whole files, small or of any size. */
export interface FilesJob {
  readonly kind: 'files';
  /** All paths one after another, each with a NUL behind it, which is at pathEnds[i]. */
  readonly paths: Uint8Array;
  readonly pathEnds: Uint32Array;
  /** IDENTITY_WORDS per file, as lstat saw it. */
  readonly identities: Int32Array;
}

/** One part of one large file. The parts' borders are sync points (sync-point.ts) near multiples of `partBytes`. */
export interface PartJob {
  readonly kind: 'part';
  readonly path: Uint8Array;
  readonly identity: Int32Array;
  readonly index: number;
  readonly partBytes: number;
  /** One per part in shared memory: where it starts; see PART_UNKNOWN and PART_NONE. */
  readonly starts: BigInt64Array;
}

/** Nobody has looked for this part's start yet. */
export const PART_UNKNOWN = -1n;
/** There is no certain cut: the part before goes on through this one. */
export const PART_NONE = -2n;

/** Hand over what is in the open pack. */
export interface FlushJob {
  readonly kind: 'flush';
}

export type PoolJob = FilesJob | PartJob | FlushJob;

/** What became of a file. */
export const FILE_SAVED = 0;
/** Saved as read, but size or times changed meanwhile. */
export const FILE_CHANGED = 1;
export const FILE_FAILED = 2;
/** No longer there when it was to be opened. */
export const FILE_VANISHED = 3;
/** The signal to stop came first. */
export const FILE_STOPPED = 4;

export interface FileFailure {
  /** Index in the job. */
  readonly file: number;
  readonly during: string;
  readonly message: string;
}

/** Blobs that were stored because nobody had them. */
export interface StoredCounts {
  dataBlobs: number;
  /** Plain bytes. */
  dataAdded: number;
  /** Bytes in packs, with the header entries. */
  dataAddedPacked: number;
}

/** For FilesJob: one row per file. For PartJob: one row, which may be empty. */
export interface FilesResult {
  readonly status: Uint8Array;
  /** The chunks of file i end before chunkEnds[i]. */
  readonly chunkEnds: Uint32Array;
  /** 32 bytes per chunk. */
  readonly ids: Uint8Array;
  /** Bytes read of each file. */
  readonly sizes: Float64Array;
  readonly failures: readonly FileFailure[];
  /** Stats of the open files that were no longer what lstat had seen. */
  readonly fresh: readonly { readonly file: number; readonly stat: Stat }[];
  readonly stored: StoredCounts;
}

/** A finished pack: the first `length` bytes of its slab, behind the pieces that were handed over before. */
export interface SlabPack {
  readonly length: number;
  /** SHA-256 of all its bytes: the pack's name. */
  readonly sha256: Uint8Array;
  /** The opened header: what the index needs of its blobs. */
  readonly header: Uint8Array;
}
