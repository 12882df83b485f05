/** Extended attributes of the few rows that have any, as bytes in shared memory. */
import type { XattrValue } from '../metadata/metadata.ts';

/** Attributes of row `rows[i]` are the bytes up to `ends[i]`: for each, two lengths of 32 bits, name, value. */
export interface XattrRows {
  /** Ascending. */
  readonly rows: Uint32Array;
  readonly ends: Uint32Array;
  readonly bytes: Uint8Array;
}

const HEAD_BYTES = 8;
const NONE: readonly XattrValue[] = [];

/** Packs attributes, given by ascending row. */
export function packXattrs(list: readonly (readonly [number, readonly XattrValue[]])[]): XattrRows {
  const rows = new Uint32Array(new SharedArrayBuffer(4 * list.length));
  const ends = new Uint32Array(new SharedArrayBuffer(4 * list.length));
  let size = 0;
  for (const [, xattrs] of list) for (const { name, value } of xattrs) size += HEAD_BYTES + name.length + value.length;
  const bytes = new Uint8Array(new SharedArrayBuffer(size));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (let i = 0; i < list.length; i++) {
    const [row, xattrs] = list[i]!;
    for (const { name, value } of xattrs) {
      view.setUint32(at, name.length);
      view.setUint32(at + 4, value.length);
      bytes.set(name, at + HEAD_BYTES);
      bytes.set(value, at + HEAD_BYTES + name.length);
      at += HEAD_BYTES + name.length + value.length;
    }
    rows[i] = row;
    ends[i] = at;
  }
  return { rows, ends, bytes };
}

/** Returns the attributes of a row, in memory of their own. */
export function unpackXattrs({ rows, ends, bytes }: XattrRows, row: number): readonly XattrValue[] {
  const i = find(rows, row);
  if (i < 0) return NONE;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const xattrs: XattrValue[] = [];
  for (let at = i === 0 ? 0 : ends[i - 1]!; at < ends[i]!; ) {
    const name = at + HEAD_BYTES;
    const value = name + view.getUint32(at);
    const end = value + view.getUint32(at + 4);
    xattrs.push({ name: Buffer.from(bytes.subarray(name, value)), value: Buffer.from(bytes.subarray(value, end)) });
    at = end;
  }
  return xattrs;
}

/** By halves; -1 if it is not there. */
function find(rows: Uint32Array, row: number): number {
  let [low, high] = [0, rows.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (rows[middle] === row) return middle;
    if (rows[middle]! < row) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
