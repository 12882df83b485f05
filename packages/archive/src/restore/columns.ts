/**
 * Work for the threads as columns of numbers and bytes: one message holds hundreds of files and costs what a few arrays
 * cost. Plain data; everything is copied when posted, except segment bytes, which are handed over.
 */
import type { Metadata, XattrValue } from '../metadata/metadata.ts';
import type { Piece } from './plan.ts';

/** A file whose one blob (or emptiness) is its whole content: made, filled, dressed and closed in one visit. */
export const FILE_WHOLE = 0;
/** A file of several blobs, made by the caller under a partial name: only written into. */
export const FILE_PART = 1;

/** Leave holes. */
export const FLAG_SPARSE = 4;
/** Owner is known to be the one a new file gets: no need to set it. */
export const FLAG_OWNED = 8;

/** One file of a job, as the caller has it. */
export interface FileRow {
  readonly path: Uint8Array;
  /** FILE_WHOLE or FILE_PART, with flags. */
  readonly flags: number;
  /** Of the whole file, in bytes. */
  readonly size: number;
  /** Used for whole files only. */
  readonly metadata: Metadata;
}

export interface FileColumns {
  readonly count: number;
  readonly paths: Uint8Array;
  /** Path i ends here and path i+1 begins. */
  readonly pathEnds: Uint32Array;
  readonly flags: Uint8Array;
  readonly sizes: Float64Array;
  readonly permissions: Uint16Array;
  readonly uids: Uint32Array;
  readonly gids: Uint32Array;
  readonly mtimes: BigInt64Array;
  readonly atimes: BigInt64Array;
  /** Rare, hence as objects: index of the file and its attributes. */
  readonly xattrs: readonly (readonly [number, readonly XattrValue[]])[];
}

export interface PieceColumns {
  readonly count: number;
  readonly ids: Uint8Array;
  /** From the start of the segment's bytes. */
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  readonly uncompressedLengths: Uint32Array;
  /** Targets of piece i end here. */
  readonly targetEnds: Uint32Array;
  /** Index into the job's files. */
  readonly targetFiles: Uint32Array;
  readonly targetOffsets: Float64Array;
}

export function packFiles(rows: readonly FileRow[]): FileColumns {
  const count = rows.length;
  const pathEnds = new Uint32Array(count);
  let end = 0;
  for (let i = 0; i < count; i++) pathEnds[i] = end += rows[i]!.path.length;
  const columns = {
    count,
    paths: new Uint8Array(end),
    pathEnds,
    flags: new Uint8Array(count),
    sizes: new Float64Array(count),
    permissions: new Uint16Array(count),
    uids: new Uint32Array(count),
    gids: new Uint32Array(count),
    mtimes: new BigInt64Array(count),
    atimes: new BigInt64Array(count),
    xattrs: [] as [number, readonly XattrValue[]][],
  };
  for (let i = 0; i < count; i++) {
    const { path, flags, size, metadata } = rows[i]!;
    columns.paths.set(path, pathEnds[i]! - path.length);
    columns.flags[i] = flags;
    columns.sizes[i] = size;
    columns.permissions[i] = metadata.permissions;
    columns.uids[i] = metadata.uid;
    columns.gids[i] = metadata.gid;
    columns.mtimes[i] = metadata.mtimeNs;
    columns.atimes[i] = metadata.atimeNs;
    if (metadata.xattrs.length > 0) columns.xattrs.push([i, metadata.xattrs]);
  }
  return columns;
}

/** Borrows the path from the columns. */
export function unpackFile(files: FileColumns, xattrs: ReadonlyMap<number, readonly XattrValue[]>, i: number): FileRow {
  return {
    path: files.paths.subarray(i === 0 ? 0 : files.pathEnds[i - 1]!, files.pathEnds[i]!),
    flags: files.flags[i]!,
    size: files.sizes[i]!,
    metadata: {
      isSymlink: false,
      permissions: files.permissions[i]!,
      uid: files.uids[i]!,
      gid: files.gids[i]!,
      mtimeNs: files.mtimes[i]!,
      atimeNs: files.atimes[i]!,
      xattrs: xattrs.get(i) ?? [],
    },
  };
}

/** `fileIndex` maps a target's file to its row in the job. `writeId` puts the 32 bytes of a hex id. */
export function packPieces(
  pieces: readonly Piece[],
  fileIndex: (file: number) => number,
  writeId: (id: string, out: Uint8Array, at: number) => void,
): PieceColumns {
  const count = pieces.length;
  const targets = pieces.reduce((sum, piece) => sum + piece.targets.length, 0);
  const columns = {
    count,
    ids: new Uint8Array(32 * count),
    offsets: new Uint32Array(count),
    lengths: new Uint32Array(count),
    uncompressedLengths: new Uint32Array(count),
    targetEnds: new Uint32Array(count),
    targetFiles: new Uint32Array(targets),
    targetOffsets: new Float64Array(targets),
  };
  let at = 0;
  for (let i = 0; i < count; i++) {
    const piece = pieces[i]!;
    writeId(piece.id, columns.ids, 32 * i);
    columns.offsets[i] = piece.offset;
    columns.lengths[i] = piece.length;
    columns.uncompressedLengths[i] = piece.uncompressedLength;
    for (const { file, fileOffset } of piece.targets) {
      columns.targetFiles[at] = fileIndex(file);
      columns.targetOffsets[at++] = fileOffset;
    }
    columns.targetEnds[i] = at;
  }
  return columns;
}
