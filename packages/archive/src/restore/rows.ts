/**
 * Regular files on their way back, as columns in shared memory: filled while trees are read, then read by the threads where
 * they are. A file is its row. One restore has several such tables, one after another, each of bounded size.
 */
import { permissionsOf } from '@hostark/repository';
import type { Metadata, XattrValue } from '../metadata/metadata.ts';
import { joinPath } from '../walk/paths.ts';
import { packXattrs, unpackXattrs, type XattrRows } from './xattr-rows.ts';

/** A file of several blobs, or one that is patched: the caller begins and finishes it, threads only write into it. */
export const FLAG_PART = 1;
/** Leave holes. */
export const FLAG_SPARSE = 2;
/** Not to be written, or not any more: it failed. */
export const FLAG_FAILED = 4;
/** With FLAG_PART: written in place, not under a partial name. */
export const FLAG_PATCH = 8;
/** Has extended attributes: see `xattrsOf`. */
export const FLAG_XATTRS = 16;

/** Byte strings one after another: string i ends at `ends[i]` and begins where the one before ends. */
export interface ByteList {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}

/** What a thread sees. Plain data over shared memory: posting it copies nothing. */
export interface Rows {
  /** Absolute paths of folders. */
  readonly folders: ByteList;
  /** Row to folder. */
  readonly folderOf: Uint32Array;
  readonly names: ByteList;
  readonly flags: Uint8Array;
  readonly permissions: Uint16Array;
  readonly uids: Uint32Array;
  readonly gids: Uint32Array;
  /** Whole seconds since 1970 and nanoseconds forward from there. */
  readonly mtimeS: Float64Array;
  readonly mtimeNs: Uint32Array;
  readonly atimeS: Float64Array;
  readonly atimeNs: Uint32Array;
  /** Bytes of content, from the lengths of the blobs. */
  readonly sizes: Float64Array;
  readonly xattrs: XattrRows;
  /** Partial names of this table's files begin so; no other restore, and no other table, has the same. */
  readonly tag: string;
}

/** Names of unfinished files end so: what a killed restore leaves behind can be told and removed. */
export const PARTIAL_SUFFIX = '.hostark-partial';

export function bytesAt({ bytes, ends }: ByteList, i: number): Uint8Array {
  return bytes.subarray(i === 0 ? 0 : ends[i - 1]!, ends[i]!);
}

export function folderOfRow(rows: Rows, row: number): Uint8Array {
  return bytesAt(rows.folders, rows.folderOf[row]!);
}

/** The file's place, in fresh memory. */
export function pathOfRow(rows: Rows, row: number): Uint8Array {
  return joinPath(folderOfRow(rows, row), bytesAt(rows.names, row));
}

/** A name beside the file's place that nobody else uses; short, whatever the length of the file's own. */
export function partialName(rows: Rows, row: number): Uint8Array {
  return Buffer.from(`.${rows.tag}-${row.toString(36)}${PARTIAL_SUFFIX}`, 'latin1');
}

/** Where threads write a file of several blobs. */
export function workPath(rows: Rows, row: number): Uint8Array {
  if ((rows.flags[row]! & FLAG_PATCH) !== 0) return pathOfRow(rows, row);
  return joinPath(folderOfRow(rows, row), partialName(rows, row));
}

export function xattrsOfRow(rows: Rows, row: number): readonly XattrValue[] {
  if ((rows.flags[row]! & FLAG_XATTRS) === 0) return NO_XATTRS;
  return unpackXattrs(rows.xattrs, row);
}

const NO_XATTRS: readonly XattrValue[] = [];
const NS_PER_S = 1_000_000_000n;

export function metadataOfRow(rows: Rows, row: number): Metadata {
  return {
    isSymlink: false,
    permissions: rows.permissions[row]!,
    uid: rows.uids[row]!,
    gid: rows.gids[row]!,
    atimeNs: BigInt(rows.atimeS[row]!) * NS_PER_S + BigInt(rows.atimeNs[row]!),
    mtimeNs: mtimeOfRow(rows, row),
    xattrs: xattrsOfRow(rows, row),
  };
}

export function mtimeOfRow(rows: Rows, row: number): bigint {
  return BigInt(rows.mtimeS[row]!) * NS_PER_S + BigInt(rows.mtimeNs[row]!);
}

/** The fields of one file that are numbers. */
export interface RowFacts {
  /** Go FileMode bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeS: number;
  readonly mtimeNs: number;
  readonly atimeS: number;
  readonly atimeNs: number;
}

let tables = 0;
/** Random per process and thread: the counter above is not shared. */
const PROCESS_TAG: string = `${process.pid.toString(36)}-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;

/** Fills a table. Its rows, but for the lists of names, are of fixed capacity. */
export class RowsBuilder {
  readonly capacity: number;
  count = 0;
  /** Blobs of row i end here, as entries of the blob table. */
  readonly blobEnds: Uint32Array;
  readonly #entries = new GrowingNumbers();
  readonly #folders = new GrowingBytes();
  readonly #names = new GrowingBytes();
  readonly #xattrs: [number, readonly XattrValue[]][] = [];
  readonly #columns: Omit<Rows, 'folders' | 'names' | 'xattrs' | 'tag'>;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.blobEnds = new Uint32Array(capacity);
    this.#columns = {
      folderOf: new Uint32Array(shared(4 * capacity)),
      flags: new Uint8Array(shared(capacity)),
      permissions: new Uint16Array(shared(2 * capacity)),
      uids: new Uint32Array(shared(4 * capacity)),
      gids: new Uint32Array(shared(4 * capacity)),
      mtimeS: new Float64Array(shared(8 * capacity)),
      mtimeNs: new Uint32Array(shared(4 * capacity)),
      atimeS: new Float64Array(shared(8 * capacity)),
      atimeNs: new Uint32Array(shared(4 * capacity)),
      sizes: new Float64Array(shared(8 * capacity)),
    };
  }

  get blobCount(): number {
    return this.#entries.length;
  }

  /** Entries of the blob table, row after row. */
  get entries(): Uint32Array {
    return this.#entries.numbers;
  }

  /** Further rows lie in this folder. */
  enter(folder: Uint8Array): void {
    this.#folders.push(folder, 0, folder.length);
  }

  /** Adds a row without blobs; the name is copied. */
  add(facts: RowFacts, names: Uint8Array, nameFrom: number, nameTo: number): number {
    const row = this.count++;
    const columns = this.#columns;
    columns.folderOf[row] = this.#folders.length - 1;
    columns.permissions[row] = permissionsOf(facts.mode);
    columns.uids[row] = facts.uid;
    columns.gids[row] = facts.gid;
    columns.mtimeS[row] = facts.mtimeS;
    columns.mtimeNs[row] = facts.mtimeNs;
    columns.atimeS[row] = facts.atimeS;
    columns.atimeNs[row] = facts.atimeNs;
    this.#names.push(names, nameFrom, nameTo);
    this.blobEnds[row] = this.#entries.length;
    return row;
  }

  /** Adds the next blob of the row added last; `bytes` of content. */
  addBlob(entry: number, bytes: number): void {
    const row = this.count - 1;
    this.#entries.push(entry);
    this.blobEnds[row] = this.#entries.length;
    this.#columns.sizes[row]! += bytes;
  }

  addXattrs(row: number, xattrs: readonly XattrValue[]): void {
    this.#columns.flags[row]! |= FLAG_XATTRS;
    this.#xattrs.push([row, xattrs]);
  }

  /** The finished table. Its columns are those of the builder. */
  finish(): Rows {
    return {
      ...this.#columns,
      folders: this.#folders.finish(),
      names: this.#names.finish(),
      xattrs: packXattrs(this.#xattrs),
      tag: `${PROCESS_TAG}-${(tables++).toString(36)}`,
    };
  }
}

export function shared(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(bytes);
}

class GrowingNumbers {
  numbers: Uint32Array = new Uint32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.numbers.length) {
      const larger = new Uint32Array(2 * this.length);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.numbers[this.length++] = value;
  }
}

class GrowingBytes {
  #bytes: Uint8Array = new Uint8Array(16 << 10);
  #used = 0;
  readonly #ends = new GrowingNumbers();

  get length(): number {
    return this.#ends.length;
  }

  push(source: Uint8Array, from: number, to: number): void {
    const end = this.#used + to - from;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    const bytes = this.#bytes;
    // Names are short: a loop costs less than a view of the source.
    for (let i = from, at = this.#used; i < to; i++) bytes[at++] = source[i]!;
    this.#used = end;
    this.#ends.push(end);
  }

  /** What there is, in shared memory. */
  finish(): ByteList {
    const bytes = new Uint8Array(shared(this.#used));
    const ends = new Uint32Array(shared(4 * this.#ends.length));
    bytes.set(this.#bytes.subarray(0, this.#used));
    ends.set(this.#ends.numbers.subarray(0, this.#ends.length));
    return { bytes, ends };
  }
}
