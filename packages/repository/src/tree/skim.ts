/**
 * A quick look at a tree as restic and Hostark write it: what a check asks, straight from the bytes, without nodes.
 * It knows one form of a node (restic's order of fields, plain names, no attributes) and answers "whole" only for trees in
 * which decodeTree() and the check could find nothing wrong either. Everything else is "look closely", which costs nothing
 * but time. Format: restic `internal/data/tree.go`, `node.go`.
 */
import { utf8 } from '../encoding/bytes.ts';
import { readInstant } from '../encoding/time.ts';
import { type BlobId, blobIdFrom, HEX_VALUE, ID_BYTES } from '../ids.ts';
import * as field from './fields.ts';

const TIMES = [field.MTIME, field.ATIME, field.CTIME] as const;
const OWNERS = [field.UID, field.GID] as const;
const NULL = utf8('null');
const FILE = utf8('file"');
const DIR = utf8('dir"');
const OTHER_TYPES = ['symlink"', 'chardev"', 'dev"', 'fifo"', 'socket"'].map(utf8);

/** Returns the bytes of a data blob by its raw id (valid until the call returns), or -1 when nothing lists it. */
export type BlobLength = (id: Uint8Array) => number;

/** Skims trees, one after another. */
export class TreeSkimmer extends field.FieldReader {
  readonly #lengthOf: BlobLength;
  readonly #id = new Uint8Array(ID_BYTES);
  #subtrees = new Uint8Array(64 * ID_BYTES);
  #subtreeCount = 0;
  #nameFrom = 0;
  #nameTo = 0;
  #timeFrom = 0;
  #timeLength = 0;

  constructor(lengthOf: BlobLength) {
    super();
    this.#lengthOf = lengthOf;
  }

  /**
   * Returns true for a tree that is whole: it decodes, every node is sound, names ascend, every blob of every file is
   * listed and sizes add up. False means: look closely.
   */
  isWhole(bytes: Uint8Array): boolean {
    this.bytes = bytes;
    this.at = 0;
    this.#subtreeCount = 0;
    this.#timeLength = 0;
    this.#nameFrom = this.#nameTo = 0;
    if (!this.take(field.HEAD)) return false;
    if (bytes[this.at] === 0x5d) return this.ends();
    for (;;) {
      if (!this.#node()) return false;
      const next = bytes[this.at];
      if (next === 0x5d) return this.ends();
      if (next !== 0x2c) return false;
      this.at++;
    }
  }

  /** The trees below the tree that was found whole last, in stored order. */
  *subtrees(): Generator<BlobId> {
    const ids = this.#subtrees.slice(0, this.#subtreeCount * ID_BYTES);
    for (let at = 0; at < ids.length; at += ID_BYTES) yield blobIdFrom(ids, at);
  }

  #node(): boolean {
    if (!this.take(field.NAME) || !this.#name() || !this.take(field.TYPE)) return false;
    const isFile = this.take(FILE);
    const isDir = !isFile && this.take(DIR);
    if (!isFile && !isDir && !OTHER_TYPES.some((type) => this.take(type))) return false;
    if (this.take(field.MODE) && !this.uint32()) return false;
    for (const time of TIMES) if (!this.take(time) || !this.#time()) return false;
    for (const owner of OWNERS) if (!this.take(owner) || !this.uint32()) return false;
    if ((this.take(field.USER) && !this.#text()) || (this.take(field.GROUP) && !this.#text())) return false;
    if ((this.take(field.INODE) && !this.uint64()) || (this.take(field.DEVICE_ID) && !this.uint64())) return false;
    let size = 0;
    if (this.take(field.SIZE)) {
      if (this.digits() > field.EXACT_DIGITS) return false;
      size = this.number;
    }
    if (this.take(field.LINKS) && !this.uint64()) return false;
    if (this.take(field.LINK_TARGET) && !this.#text()) return false;
    if (this.take(field.DEVICE) && !this.uint64()) return false;
    if (!this.take(field.CONTENT)) return false;
    if (isFile ? this.#content() !== size : !this.take(NULL)) return false;
    if (isDir && !(this.take(field.SUBTREE) && this.#subtree())) return false;
    return this.bytes[this.at++] === 0x7d;
  }

  /** A name in ASCII without escapes, one component, above the name before. */
  #name(): boolean {
    const bytes = this.bytes;
    const from = this.at;
    let at = from;
    for (let code = bytes[at]!; code !== 0x22; code = bytes[++at]!) {
      if (!(code >= 0x20 && code < 0x7f) || code === 0x5c || code === 0x2f) return false;
    }
    this.at = at + 1;
    const length = at - from;
    if (length === 0 || (bytes[from] === 0x2e && (length === 1 || (length === 2 && bytes[from + 1] === 0x2e)))) {
      return false;
    }
    const ascends = this.#nameTo === 0 || isAbove(bytes, from, at, this.#nameFrom, this.#nameTo);
    this.#nameFrom = from;
    this.#nameTo = at;
    return ascends;
  }

  /** Any text without escapes. */
  #text(): boolean {
    const bytes = this.bytes;
    let at = this.at;
    for (let code = bytes[at]!; code !== 0x22; code = bytes[++at]!) if (!(code >= 0x20) || code === 0x5c) return false;
    this.at = at + 1;
    return true;
  }

  #time(): boolean {
    const bytes = this.bytes;
    const from = this.at;
    const length = this.#timeLength;
    // Times of one node, and of neighbours, are often the same.
    if (length > 0 && bytes[from + length] === 0x22 && this.same(from, this.#timeFrom, length)) {
      this.at = from + length + 1;
      return true;
    }
    let to = from;
    for (let code = bytes[to]!; code !== 0x22; code = bytes[++to]!) if (!(code > 0x20)) return false;
    if (readInstant(bytes, from, to) === null) return false;
    this.#timeFrom = from;
    this.#timeLength = to - from;
    this.at = to + 1;
    return true;
  }

  /** Reads a list of data blobs; returns the bytes that they hold together, or -1. */
  #content(): number {
    const bytes = this.bytes;
    if (bytes[this.at++] !== 0x5b) return -1;
    if (bytes[this.at] === 0x5d) {
      this.at++;
      return 0;
    }
    let sum = 0;
    for (;;) {
      if (bytes[this.at++] !== 0x22 || !this.#hex(this.#id, 0)) return -1;
      const length = this.#lengthOf(this.#id);
      if (length < 0) return -1;
      sum += length;
      const next = bytes[this.at++];
      if (next === 0x5d) return sum;
      if (next !== 0x2c) return -1;
    }
  }

  #subtree(): boolean {
    const at = this.#subtreeCount * ID_BYTES;
    if (at === this.#subtrees.length) {
      const larger = new Uint8Array(2 * at);
      larger.set(this.#subtrees);
      this.#subtrees = larger;
    }
    if (!this.#hex(this.#subtrees, at)) return false;
    this.#subtreeCount++;
    return true;
  }

  /** Reads an id and the quote after it. */
  #hex(out: Uint8Array, at: number): boolean {
    const bytes = this.bytes;
    const from = this.at;
    const to = from + 2 * ID_BYTES;
    if (to >= bytes.length || bytes[to] !== 0x22) return false;
    let wrong = 0;
    for (let i = from, o = at; i < to; i += 2, o++) {
      const high = HEX_VALUE[bytes[i]!]!;
      const low = HEX_VALUE[bytes[i + 1]!]!;
      wrong |= high | low;
      out[o] = (high << 4) | low;
    }
    this.at = to + 1;
    return wrong <= 15;
  }
}

/** Whether the bytes of one range are strictly above those of another, in bytewise order. */
function isAbove(bytes: Uint8Array, from: number, to: number, lastFrom: number, lastTo: number): boolean {
  const common = Math.min(to - from, lastTo - lastFrom);
  for (let i = 0; i < common; i++) {
    const difference = bytes[from + i]! - bytes[lastFrom + i]!;
    if (difference !== 0) return difference > 0;
  }
  return to - from > lastTo - lastFrom;
}
