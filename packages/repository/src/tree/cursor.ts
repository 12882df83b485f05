/**
 * Goes through a tree node by node without making objects: for those who want a few fields of many files. It knows one form
 * of a node (restic's order of fields, plain ASCII names, no attributes), in which Hostark and restic write almost all of
 * them; at anything else it stops and says so, and decodeTree() reads the tree. What it reads, decodeTree() reads alike.
 * Format: restic `internal/data/tree.go`, `node.go`.
 */
import { utf8 } from '../encoding/bytes.ts';
import { HEX_VALUE, ID_BYTES } from '../ids.ts';
import { decodeTree } from './decode.ts';
import * as field from './fields.ts';
import type { TreeNode } from './node.ts';

// Longer than the words of fields.ts: these forms alone are known here.
const FILE = utf8(',"type":"file"');
const DIR = utf8(',"type":"dir"');
const SYMLINK = utf8(',"type":"symlink"');
const CONTENT = utf8(',"content":[');
const NO_CONTENT = utf8(',"content":null');

/** From the first digit of one blob's name to that of the next: digits, quote, comma, quote. */
const ID_STRIDE: number = 2 * ID_BYTES + 3;

/** What next() found: the end, a regular file (its fields are set), another node (ask node()), or an unknown form. */
export const CURSOR = { end: 0, file: 1, other: 2, strange: 3 } as const;
export type CursorStep = (typeof CURSOR)[keyof typeof CURSOR];

/** Reads trees, one after another. The fields are those of the file that next() found last. */
export class NodeCursor extends field.FieldReader {
  /** The name's bytes. */
  nameFrom = 0;
  nameTo = 0;
  /** Go FileMode bits. */
  mode = 0;
  /** Seconds since 1970 (negative before) and nanoseconds forward from there. */
  mtimeS = 0;
  mtimeNs = 0;
  atimeS = 0;
  atimeNs = 0;
  uid = 0;
  gid = 0;
  size = 0;
  /** Whether it has other names (st_nlink above 1): node() says more. */
  linked = false;
  /** Number of blobs. */
  blobs = 0;
  #isWhole = false;
  #from = 0;
  #contentFrom = 0;
  #seconds = 0;
  #nanos = 0;
  #timeFrom = 0;
  #timeLength = 0;
  #dateFrom = -1;
  #dateSeconds = 0;

  /** Begins a tree. `bytes` must stay unchanged meanwhile. */
  open(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.at = 0;
    this.#isWhole = this.take(field.HEAD);
    this.#timeLength = 0;
    this.#dateFrom = -1;
  }

  next(): CursorStep {
    const { bytes } = this;
    if (!this.#isWhole) return CURSOR.strange;
    if (bytes[this.at] === 0x5d) return this.ends() ? CURSOR.end : CURSOR.strange;
    if (this.at > field.HEAD.length && bytes[this.at++] !== 0x2c) return CURSOR.strange;
    this.#from = this.at;
    return this.#node();
  }

  /** Writes the raw id of blob `i` of the file. Returns false for what is no id. */
  blobId(i: number, out: Uint8Array): boolean {
    return this.#hex(this.#contentFrom + i * ID_STRIDE, out);
  }

  /** The node that was found last, with all its fields. Its name shares no memory with the tree. */
  node(): TreeNode {
    const text = this.bytes.subarray(this.#from, this.at);
    const tree = new Uint8Array(field.HEAD.length + text.length + 2);
    tree.set(field.HEAD);
    tree.set(text, field.HEAD.length);
    tree[tree.length - 2] = 0x5d;
    tree[tree.length - 1] = 0x7d;
    return decodeTree(tree)[0]!;
  }

  #node(): CursorStep {
    if (!this.take(field.NAME)) return CURSOR.strange;
    this.nameFrom = this.at;
    if (!this.#text()) return CURSOR.strange;
    this.nameTo = this.at - 1;
    const isFile = this.take(FILE);
    const isDir = !isFile && this.take(DIR);
    const isLink = !isFile && !isDir;
    if ((isLink && !this.take(SYMLINK)) || !this.#metadata() || !this.#inode()) return CURSOR.strange;
    if (isLink && this.take(field.LINK_TARGET) && !this.#text()) return CURSOR.strange;
    if (isFile ? !this.take(CONTENT) || !this.#content() : !this.take(NO_CONTENT)) return CURSOR.strange;
    if (isDir && !(this.take(field.SUBTREE) && this.#text())) return CURSOR.strange;
    if (this.bytes[this.at++] !== 0x7d) return CURSOR.strange;
    return isFile ? CURSOR.file : CURSOR.other;
  }

  #metadata(): boolean {
    this.mode = 0;
    if (this.take(field.MODE)) {
      if (!this.uint32()) return false;
      this.mode = this.number;
    }
    if (!this.take(field.MTIME) || !this.#time()) return false;
    this.mtimeS = this.#seconds;
    this.mtimeNs = this.#nanos;
    if (!this.take(field.ATIME) || !this.#time()) return false;
    this.atimeS = this.#seconds;
    this.atimeNs = this.#nanos;
    if (!this.take(field.CTIME) || !this.#time()) return false;
    if (!this.take(field.UID) || !this.uint32()) return false;
    this.uid = this.number;
    if (!this.take(field.GID) || !this.uint32()) return false;
    this.gid = this.number;
    return (!this.take(field.USER) || this.#text()) && (!this.take(field.GROUP) || this.#text());
  }

  #inode(): boolean {
    if (this.take(field.INODE) && !this.uint64()) return false;
    if (this.take(field.DEVICE_ID) && !this.uint64()) return false;
    this.size = 0;
    if (this.take(field.SIZE)) {
      if (this.digits() > field.EXACT_DIGITS) return false;
      this.size = this.number;
    }
    this.linked = false;
    if (this.take(field.LINKS)) {
      if (this.digits() > field.EXACT_DIGITS) return false;
      this.linked = this.number > 1;
    }
    return true;
  }

  /** Steps over ASCII without escapes and the quote after it. */
  #text(): boolean {
    const { bytes } = this;
    let at = this.at;
    for (let code = bytes[at]!; code !== 0x22; code = bytes[++at]!) {
      if (!(code >= 0x20 && code < 0x7f) || code === 0x5c) return false;
    }
    this.at = at + 1;
    return true;
  }

  /** `2026-11-22T21:05:21.123456789+01:00` and the quote after it. */
  #time(): boolean {
    const { bytes } = this;
    const from = this.at;
    const last = this.#timeLength;
    // Times of one node, and of neighbours, are often the same.
    if (last > 0 && bytes[from + last] === 0x22 && this.same(from, this.#timeFrom, last)) {
      this.at = from + last + 1;
      return true;
    }
    const day = this.#date(from);
    const hour = two(bytes, from + 11);
    const minute = two(bytes, from + 14);
    const second = two(bytes, from + 17);
    const punctuated = bytes[from + 10] === 0x54 && bytes[from + 13] === 0x3a && bytes[from + 16] === 0x3a;
    if (!punctuated || Number.isNaN(day) || hour > 23 || minute > 59 || second > 59) return false;
    this.at = from + 19;
    if (!this.#fraction()) return false;
    const east = this.#minutesEast();
    if (Number.isNaN(east) || bytes[this.at] !== 0x22) return false;
    this.#seconds = day + hour * 3600 + minute * 60 + second - east * 60;
    this.#timeFrom = from;
    this.#timeLength = this.at - from;
    this.at++;
    return true;
  }

  /** Nothing, or a point and up to nine digits. */
  #fraction(): boolean {
    const { bytes } = this;
    this.#nanos = 0;
    if (bytes[this.at] !== 0x2e) return true;
    const from = this.at + 1;
    let at = from;
    let unit = 100_000_000;
    for (let digit = bytes[at]! - 0x30; digit >= 0 && digit <= 9; digit = bytes[++at]! - 0x30) {
      this.#nanos += digit * unit;
      unit /= 10;
    }
    this.at = at;
    return at > from && at - from <= 9;
  }

  /** `Z`, or `+hh:mm`; NaN for anything else. */
  #minutesEast(): number {
    const { bytes } = this;
    const at = this.at;
    const sign = bytes[at];
    if (sign === 0x5a) {
      this.at++;
      return 0;
    }
    const hours = two(bytes, at + 1);
    const minutes = two(bytes, at + 4);
    if ((sign !== 0x2b && sign !== 0x2d) || bytes[at + 3] !== 0x3a || hours > 24 || minutes > 59) return Number.NaN;
    this.at = at + 6;
    return (hours * 60 + minutes) * (sign === 0x2d ? -1 : 1);
  }

  /** Seconds from 1970 to the start of a day that exists, NaN for others. */
  #date(from: number): number {
    const { bytes } = this;
    if (this.#dateFrom >= 0 && this.same(from, this.#dateFrom, 10)) return this.#dateSeconds;
    const text = String.fromCharCode(...bytes.subarray(from, from + 10));
    // The engine takes 30 February for a day of March: what it prints back tells.
    const milliseconds = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
    if (Number.isNaN(milliseconds) || !new Date(milliseconds).toISOString().startsWith(text)) return Number.NaN;
    this.#dateFrom = from;
    this.#dateSeconds = milliseconds / 1000;
    return this.#dateSeconds;
  }

  /** A list of names of blobs, whose digits blobId() looks at. */
  #content(): boolean {
    const { bytes } = this;
    this.blobs = 0;
    this.#contentFrom = this.at + 1;
    if (bytes[this.at] === 0x5d) {
      this.at++;
      return true;
    }
    for (let at = this.at; ; at += ID_STRIDE) {
      if (bytes[at] !== 0x22 || bytes[at + 2 * ID_BYTES + 1] !== 0x22) return false;
      this.blobs++;
      const next = bytes[at + ID_STRIDE - 1];
      this.at = at + ID_STRIDE;
      if (next === 0x5d) return true;
      if (next !== 0x2c) return false;
    }
  }

  #hex(from: number, out: Uint8Array): boolean {
    const { bytes } = this;
    let wrong = 0;
    for (let o = 0; o < ID_BYTES; o++) {
      const high = HEX_VALUE[bytes[from + 2 * o]!]!;
      const low = HEX_VALUE[bytes[from + 2 * o + 1]!]!;
      wrong |= high | low;
      out[o] = (high << 4) | low;
    }
    return wrong <= 15;
  }
}

/** Two digits; more than any field of a time holds for what is none. */
function two(bytes: Uint8Array, at: number): number {
  const high = bytes[at]! - 0x30;
  const low = bytes[at + 1]! - 0x30;
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : 255;
}
