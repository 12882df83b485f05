/**
 * Trees to bytes: `{"nodes":[...]}` and a newline, fields in restic's order, no white space. The bytes are what is hashed,
 * so the same directory gives the same id as restic gives it. Format: restic `internal/data/tree.go`, `node.go`.
 */

import { ByteWriter } from '../encoding/byte-writer.ts';
import { compareBytes, utf8 } from '../encoding/bytes.ts';
import { writeJsonName, writeJsonText } from '../encoding/json-write.ts';
import { type Instant, writeInstant } from '../encoding/time.ts';
import type { BlobId } from '../ids.ts';
import type { TreeNode } from './node.ts';
import { jsonText, writeLink, writeOwner, writeXattrs } from './parts.ts';

const HEAD = utf8('{"nodes":[');
const TAIL = utf8(']}\n');
const NAME = utf8('{"name":');
const TYPE = utf8(',"type":"');
const MODE = utf8('","mode":');
const MTIME_AFTER_TYPE = utf8('","mtime":"');
const MTIME = utf8(',"mtime":"');
const ATIME = utf8('","atime":"');
const CTIME = utf8('","ctime":"');
const INODE = utf8(',"inode":');
const DEVICE_ID = utf8(',"device_id":');
const SIZE = utf8(',"size":');
const LINKS = utf8(',"links":');
const GENERIC = utf8(',"generic_attributes":{');
const DEVICE = utf8(',"device":');
const CONTENT = utf8(',"content":');
const NULL = utf8('null');
const SUBTREE = utf8(',"subtree":"');
const ERROR = utf8(',"error":');

/** Text of owners as JSON, kept because neighbours share owners. Bounded: beyond it the memory is dropped whole. */
const OWNER_CACHE_LIMIT = 4096;

/**
 * Writes one tree, node by node in strictly ascending order of names. Reusable after take().
 * With `unordered`, order is not enforced: only for asking what a foreign tree would re-encode to.
 */
export class TreeWriter {
  #out: ByteWriter;
  #last: Uint8Array | null = null;
  #unordered: boolean;
  #owners: Map<string, Uint8Array> = new Map();

  constructor(options: { readonly unordered?: boolean } = {}) {
    this.#out = new ByteWriter(16384);
    this.#out.bytes(HEAD);
    this.#unordered = options.unordered === true;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#out.length;
  }

  /** Appends a node. Throws RangeError when its name is not above the last one's; the writer is then unchanged. */
  add(node: TreeNode): void {
    const out = this.#out;
    if (this.#last !== null) {
      if (!this.#unordered && compareBytes(this.#last, node.name) >= 0) {
        throw new RangeError('tree: nodes must come in strictly ascending order of their names');
      }
      out.byte(0x2c);
    }
    this.#last = node.name;
    this.#identity(node);
    this.#times(node);
    this.#owner(node);
    this.#numbers(node);
    if (node.linkTarget !== undefined && node.linkTarget.length > 0) writeLink(out, node.linkTarget);
    if (node.xattrs.length > 0) writeXattrs(out, node.xattrs);
    if (node.genericAttributes !== undefined && node.genericAttributes.size > 0) this.#generic(node.genericAttributes);
    if (node.device !== 0n) this.#number64(DEVICE, node.device);
    this.#content(node.content);
    if (node.subtree !== null) {
      out.bytes(SUBTREE);
      out.ascii(node.subtree);
      out.byte(0x22);
    }
    if (node.error !== undefined && node.error !== '') {
      out.bytes(ERROR);
      writeJsonText(out, node.error);
    }
    out.byte(0x7d);
  }

  /** Ends the tree and returns its bytes, in memory of their own. The writer starts over. */
  take(): Uint8Array {
    this.#out.bytes(TAIL);
    const bytes = this.#out.take();
    this.#out.clear();
    this.#out.bytes(HEAD);
    this.#last = null;
    return bytes;
  }

  #identity(node: TreeNode): void {
    const out = this.#out;
    out.bytes(NAME);
    writeJsonName(out, node.name);
    out.bytes(TYPE);
    out.ascii(node.type);
    if (node.mode === 0) {
      out.bytes(MTIME_AFTER_TYPE);
      return;
    }
    out.bytes(MODE);
    out.decimal(node.mode);
    out.bytes(MTIME);
  }

  #times(node: TreeNode): void {
    const out = this.#out;
    const { mtime, atime, ctime } = node;
    const start = out.length;
    writeInstant(out, mtime);
    const end = out.length;
    out.bytes(ATIME);
    // restic stores atime = mtime unless told otherwise: copy the text.
    if (sameInstant(atime, mtime)) {
      out.room(end - start);
      out.buffer.copyWithin(out.length, start, end);
      out.length += end - start;
    } else writeInstant(out, atime);
    out.bytes(CTIME);
    writeInstant(out, ctime);
  }

  #owner(node: TreeNode): void {
    this.#out.byte(0x22);
    writeOwner(this.#out, node, this.#json);
  }

  readonly #json = (text: string): Uint8Array => {
    let json = this.#owners.get(text);
    if (json === undefined) {
      json = jsonText(text);
      if (this.#owners.size >= OWNER_CACHE_LIMIT) this.#owners.clear();
      this.#owners.set(text, json);
    }
    return json;
  };

  #numbers(node: TreeNode): void {
    if (node.inode !== 0n) this.#number64(INODE, node.inode);
    if (node.deviceId !== 0n) this.#number64(DEVICE_ID, node.deviceId);
    if (node.size !== 0n) this.#number64(SIZE, node.size);
    if (node.links !== 0n) this.#number64(LINKS, node.links);
  }

  #number64(key: Uint8Array, value: bigint): void {
    this.#out.bytes(key);
    this.#out.decimal64(value);
  }

  #generic(attributes: ReadonlyMap<string, Uint8Array>): void {
    const out = this.#out;
    // Go's maps are written in order of their keys.
    const keys = [...attributes.keys()].sort((a, b) => compareBytes(utf8(a), utf8(b)));
    out.bytes(GENERIC);
    keys.forEach((key, i) => {
      if (i > 0) out.byte(0x2c);
      writeJsonText(out, key);
      out.byte(0x3a);
      out.bytes(attributes.get(key)!);
    });
    out.byte(0x7d);
  }

  #content(content: readonly BlobId[] | null): void {
    const out = this.#out;
    out.bytes(CONTENT);
    if (content === null) {
      out.bytes(NULL);
      return;
    }
    out.byte(0x5b);
    for (let i = 0; i < content.length; i++) {
      if (i > 0) out.byte(0x2c);
      out.byte(0x22);
      out.ascii(content[i]!);
      out.byte(0x22);
    }
    out.byte(0x5d);
  }
}

function sameInstant(a: Instant, b: Instant): boolean {
  return a === b || (a.ns === b.ns && a.offsetMinutes === b.offsetMinutes);
}

/** Returns the bytes of a tree. Throws RangeError unless names are strictly ascending. Empty is a valid tree. */
export function encodeTree(nodes: readonly TreeNode[]): Uint8Array {
  const writer = new TreeWriter();
  for (const node of nodes) writer.add(node);
  return writer.take();
}
