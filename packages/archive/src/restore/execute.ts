/**
 * What a thread does with a segment: opens each blob, checks it against its id, and only then writes it where it belongs.
 * A blob that is not what its id says is never written; the caller is told and tries other copies.
 */
import { closeSync } from 'node:fs';
import type { Platform, Posix, Sealer } from '@hostark/kernels';
import type { XattrValue } from '../metadata/metadata.ts';
import { FILE_PART, type FileColumns, type FileRow, FLAG_SPARSE, type PieceColumns, unpackFile } from './columns.ts';
import { type Actor, openForWrite, writeAt, writeWhole } from './write-file.ts';

/** What a thread works with. */
export interface Tools {
  readonly platform: Platform;
  readonly sealer: Sealer;
  readonly system: Posix;
  readonly actor: Actor;
}

/** One file could not be written, or not be given its metadata. */
export interface FileTrouble {
  /** Row in the job. */
  readonly file: number;
  readonly during: 'write' | 'metadata';
  readonly message: string;
  readonly code: string;
}

export interface SegmentOutcome {
  /** Pieces that are damaged: their targets were not touched. */
  readonly damaged: readonly number[];
  readonly troubles: readonly FileTrouble[];
}

/** Writes one segment's pieces. `bytes` is the segment; it is decrypted in place. */
export function writeSegment(
  tools: Tools,
  bytes: Uint8Array,
  pieces: PieceColumns,
  files: FileColumns,
): SegmentOutcome {
  const damaged: number[] = [];
  const writer = new Writer(tools, files);
  try {
    for (let i = 0; i < pieces.count; i++) {
      const from = pieces.offsets[i]!;
      const sealed = bytes.subarray(from, from + pieces.lengths[i]!);
      const id = pieces.ids.subarray(32 * i, 32 * i + 32);
      const plain = openBlob(tools, sealed, pieces.uncompressedLengths[i]!, id);
      if (plain === null) damaged.push(i);
      else writer.writePiece(pieces, i, plain);
    }
  } finally {
    writer.close();
  }
  return { damaged, troubles: writer.troubles };
}

/** Writes pieces whose plain bytes the caller has (from another copy). `plain[i]` belongs to piece i. */
export function writePlain(
  tools: Tools,
  plain: readonly Uint8Array[],
  pieces: PieceColumns,
  files: FileColumns,
): SegmentOutcome {
  const writer = new Writer(tools, files);
  try {
    for (let i = 0; i < pieces.count; i++) writer.writePiece(pieces, i, plain[i]!);
  } finally {
    writer.close();
  }
  return { damaged: [], troubles: writer.troubles };
}

/** Makes files without content. */
export function writeEmpty(tools: Tools, files: FileColumns): SegmentOutcome {
  const writer = new Writer(tools, files);
  for (let file = 0; file < files.count; file++) writer.writeTarget(file, 0, NOTHING);
  return { damaged: [], troubles: writer.troubles };
}

const NOTHING: Uint8Array = new Uint8Array();

/** IV and MAC around the content: restic design document, "Keys, Encryption and MAC". */
const IV_BYTES = 16;
const MAC_BYTES = 16;

/** The largest chunk of the format's chunker, plus what zstd may want. */
const FIRST_PLAIN_BYTES: number = (8 << 20) + 4096;

/** Content of a compressed blob, until the next one. One per thread: blobs are at most a few MiB, mostly far less. */
let plainBuffer: Uint8Array = new Uint8Array(0);

/**
 * Returns the content of a sealed blob, valid until the next call, or null if it is damaged. Decrypts in place. The same
 * as openBlob() of the repository, but into memory that is used again: fresh pages would cost as much as hashing.
 */
function openBlob(tools: Tools, sealed: Uint8Array, uncompressedLength: number, id: Uint8Array): Uint8Array | null {
  if (sealed.length < IV_BYTES + MAC_BYTES) return null;
  const stored = sealed.subarray(IV_BYTES, sealed.length - MAC_BYTES);
  if (!tools.sealer.open(sealed, stored)) return null;
  const plain = uncompressedLength === 0 ? stored : decompress(tools.platform, stored, uncompressedLength);
  if (plain === null || Buffer.compare(tools.platform.sha256(plain), id) !== 0) return null;
  return plain;
}

function decompress(platform: Platform, stored: Uint8Array, length: number): Uint8Array | null {
  try {
    if (plainBuffer.length < length) plainBuffer = Buffer.allocUnsafeSlow(Math.max(length, FIRST_PLAIN_BYTES));
    const plain = platform.zstdDecompress(stored, length, plainBuffer);
    return plain.length === length ? plain : null;
  } catch {
    return null;
  }
}

/** Keeps what is open while one job lasts. */
class Writer {
  readonly troubles: FileTrouble[] = [];
  readonly #tools: Tools;
  readonly #files: FileColumns;
  readonly #xattrs: ReadonlyMap<number, readonly XattrValue[]>;
  readonly #open = new Map<number, { readonly fd: number; readonly sparse: boolean }>();

  constructor(tools: Tools, files: FileColumns) {
    this.#tools = tools;
    this.#files = files;
    this.#xattrs = new Map(files.xattrs);
  }

  writePiece(pieces: PieceColumns, i: number, plain: Uint8Array): void {
    const from = i === 0 ? 0 : pieces.targetEnds[i - 1]!;
    for (let t = from; t < pieces.targetEnds[i]!; t++) {
      this.writeTarget(pieces.targetFiles[t]!, pieces.targetOffsets[t]!, plain);
    }
  }

  writeTarget(file: number, offset: number, plain: Uint8Array): void {
    try {
      if ((this.#files.flags[file]! & FILE_PART) !== 0) {
        const { fd, sparse } = this.#part(file);
        writeAt(fd, plain, offset, sparse);
        return;
      }
      const { system, actor } = this.#tools;
      const error = writeWhole(system, this.#row(file), plain, actor);
      if (error !== null) this.#report(file, 'metadata', error);
    } catch (error) {
      this.#report(file, 'write', error);
    }
  }

  close(): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #part(file: number): { readonly fd: number; readonly sparse: boolean } {
    let part = this.#open.get(file);
    if (part === undefined) {
      const { path, flags } = this.#row(file);
      part = { fd: openForWrite(path), sparse: (flags & FLAG_SPARSE) !== 0 };
      this.#open.set(file, part);
    }
    return part;
  }

  #row(file: number): FileRow {
    return unpackFile(this.#files, this.#xattrs, file);
  }

  #report(file: number, during: FileTrouble['during'], error: unknown): void {
    const { code, message } = error as { code?: unknown; message?: unknown };
    this.troubles.push({ file, during, message: String(message ?? error), code: String(code ?? '') });
  }
}
