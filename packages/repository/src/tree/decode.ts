/**
 * Bytes to trees. Tolerates unknown fields, as restic does; whether a tree is canonical is told by encoding it again.
 * Format: restic `internal/data/tree.go`, `node.go`. About half a microsecond per node goes into scanning its text.
 */
import { copyOf, fromBase64Bytes, textOf, utf8 } from '../encoding/bytes.ts';
import { JsonReader } from '../encoding/json-read.ts';
import { goUnquote } from '../encoding/quote.ts';
import { type Instant, readInstant, ZERO_INSTANT } from '../encoding/time.ts';
import { type BlobId, HEX_VALUE } from '../ids.ts';
import type { NodeType, TreeNode, TreeXattr } from './node.ts';

const NODES = utf8('nodes');
const KEY = {
  name: utf8('name'),
  type: utf8('type'),
  mode: utf8('mode'),
  mtime: utf8('mtime'),
  atime: utf8('atime'),
  ctime: utf8('ctime'),
  uid: utf8('uid'),
  gid: utf8('gid'),
  user: utf8('user'),
  group: utf8('group'),
  inode: utf8('inode'),
  deviceId: utf8('device_id'),
  size: utf8('size'),
  links: utf8('links'),
  linkTarget: utf8('linktarget'),
  linkTargetRaw: utf8('linktarget_raw'),
  xattrs: utf8('extended_attributes'),
  generic: utf8('generic_attributes'),
  device: utf8('device'),
  content: utf8('content'),
  subtree: utf8('subtree'),
  error: utf8('error'),
  value: utf8('value'),
};

type Key = keyof typeof KEY;

/** Finds a key by its length and first letter, which together name each key of a node. */
const KEY_BY_SHAPE: (Key | undefined)[] = [];
for (const key of Object.keys(KEY) as Key[]) {
  if (key !== 'value') KEY_BY_SHAPE[(KEY[key].length << 8) | KEY[key][0]!] = key;
}

const TYPE_WORDS: readonly (readonly [Uint8Array, NodeType])[] = (
  ['file', 'dir', 'symlink', 'chardev', 'dev', 'fifo', 'socket', 'irregular'] as const
).map((word) => [utf8(word), word] as const);

const NO_XATTRS: readonly TreeXattr[] = [];
const NO_CONTENT: readonly BlobId[] = [];

type Draft = { -readonly [K in keyof TreeNode]: TreeNode[K] };

/** Reads nodes; remembers the last few values so that equal neighbours share strings, instants and bigints. */
class NodeReader {
  readonly #json: JsonReader;
  #user = '';
  #group = '';
  #time: Instant = ZERO_INSTANT;
  #timeFrom = 0;
  #timeTo = 0;
  #deviceId = 0n;
  #deviceFrom = 0;
  #deviceTo = 0;

  constructor(json: JsonReader) {
    this.#json = json;
  }

  node(): TreeNode {
    const json = this.#json;
    const node: Draft = {
      name: EMPTY,
      type: '' as NodeType,
      mode: 0,
      mtime: ZERO_INSTANT,
      atime: ZERO_INSTANT,
      ctime: ZERO_INSTANT,
      uid: 0,
      gid: 0,
      user: '',
      group: '',
      inode: 0n,
      deviceId: 0n,
      size: 0n,
      links: 0n,
      linkTarget: undefined,
      xattrs: NO_XATTRS,
      genericAttributes: undefined,
      device: 0n,
      content: null,
      subtree: null,
      error: undefined,
    };
    let rawTarget: Uint8Array | null = null;
    json.expect(0x7b);
    for (let first = true; json.member(first); first = false) {
      json.key();
      const key = KEY_BY_SHAPE[((json.to - json.from) << 8) | json.bytes[json.from]!];
      if (key === undefined || !json.is(KEY[key])) {
        json.skip();
        continue;
      }
      // null leaves a field as it is, as in Go.
      if (json.takeNull()) continue;
      switch (key) {
        case 'name':
          node.name = this.#name();
          break;
        case 'type':
          node.type = this.#type();
          break;
        case 'mode':
          node.mode = json.uint32();
          break;
        case 'mtime':
          node.mtime = this.#instant();
          break;
        case 'atime':
          node.atime = this.#instant();
          break;
        case 'ctime':
          node.ctime = this.#instant();
          break;
        case 'uid':
          node.uid = json.uint32();
          break;
        case 'gid':
          node.gid = json.uint32();
          break;
        case 'user':
          node.user = this.#user = this.#shared(this.#user);
          break;
        case 'group':
          node.group = this.#group = this.#shared(this.#group);
          break;
        case 'inode':
          node.inode = json.uint64();
          break;
        case 'deviceId':
          node.deviceId = this.#device();
          break;
        case 'size':
          node.size = json.uint64();
          break;
        case 'links':
          node.links = this.#small();
          break;
        case 'linkTarget':
          json.string();
          node.linkTarget = json.value();
          break;
        case 'linkTargetRaw':
          rawTarget = this.#base64();
          break;
        case 'xattrs':
          node.xattrs = this.#xattrs();
          break;
        case 'generic':
          node.genericAttributes = this.#generic();
          break;
        case 'device':
          node.device = json.uint64();
          break;
        case 'content':
          node.content = this.#content();
          break;
        case 'subtree':
          node.subtree = this.#id();
          break;
        case 'error':
          json.string();
          node.error = json.text();
          break;
        case 'value':
          break;
      }
    }
    if (rawTarget !== null) node.linkTarget = rawTarget;
    return node;
  }

  #name(): Uint8Array {
    const json = this.#json;
    json.string();
    const value = json.value();
    if (json.plain) return value;
    const name = goUnquote(value);
    if (name === null) throw new SyntaxError(`tree: name at offset ${json.from} is not quoted as Go quotes`);
    return name;
  }

  #type(): NodeType {
    const json = this.#json;
    json.string();
    for (const [word, type] of TYPE_WORDS) if (json.is(word)) return type;
    return json.text() as NodeType;
  }

  #instant(): Instant {
    const json = this.#json;
    json.string();
    const { bytes, from, to } = json;
    // atime mostly repeats mtime: one object for both.
    if (to - from === this.#timeTo - this.#timeFrom && sameRange(bytes, from, this.#timeFrom, to - from)) {
      return this.#time;
    }
    const instant = readInstant(bytes, from, to);
    if (instant === null) throw new SyntaxError(`tree: expected an RFC 3339 time at offset ${from}`);
    this.#time = instant;
    this.#timeFrom = from;
    this.#timeTo = to;
    return instant;
  }

  #shared(last: string): string {
    const json = this.#json;
    json.string();
    const { bytes, from, to } = json;
    if (!json.plain || last.length !== to - from) return json.text();
    for (let i = 0; i < last.length; i++) if (last.charCodeAt(i) !== bytes[from + i]) return json.text();
    return last;
  }

  #device(): bigint {
    const json = this.#json;
    json.peek();
    const { bytes, at } = json;
    const length = this.#deviceTo - this.#deviceFrom;
    const next = bytes[at + length];
    if (length > 0 && (next === 0x2c || next === 0x7d) && sameRange(bytes, at, this.#deviceFrom, length)) {
      json.at = at + length;
      return this.#deviceId;
    }
    const value = json.uint64();
    this.#deviceId = value;
    this.#deviceFrom = at;
    this.#deviceTo = json.at;
    return value;
  }

  #small(): bigint {
    const json = this.#json;
    json.peek();
    const next = json.bytes[json.at + 1];
    if (json.bytes[json.at] !== 0x31 || (next !== 0x2c && next !== 0x7d)) return json.uint64();
    json.at++;
    return 1n;
  }

  #id(): BlobId {
    const json = this.#json;
    json.string();
    const { bytes, from, to } = json;
    let wrong = to - from === 64 ? 0 : 255;
    for (let i = from; i < to; i++) wrong |= HEX_VALUE[bytes[i]!]!;
    if (wrong > 15) throw new SyntaxError(`tree: expected an id of 64 hex digits at offset ${from}`);
    return textOf(bytes.subarray(from, to)) as BlobId;
  }

  #content(): readonly BlobId[] {
    const json = this.#json;
    json.expect(0x5b);
    if (json.take(0x5d)) return NO_CONTENT;
    const ids: BlobId[] = [];
    do ids.push(this.#id());
    while (json.element(false));
    return ids;
  }

  #base64(): Uint8Array {
    const json = this.#json;
    json.string();
    const bytes = fromBase64Bytes(json.value());
    if (bytes === null) throw new SyntaxError(`tree: expected base64 at offset ${json.from}`);
    return bytes;
  }

  #xattrs(): TreeXattr[] {
    const json = this.#json;
    const xattrs: TreeXattr[] = [];
    json.expect(0x5b);
    for (let first = true; json.element(first); first = false) {
      let name = '';
      let value: Uint8Array = EMPTY;
      json.expect(0x7b);
      for (let start = true; json.member(start); start = false) {
        json.key();
        if (json.is(KEY.name)) {
          json.string();
          name = json.text();
        } else if (json.is(KEY.value)) {
          if (!json.takeNull()) value = this.#base64();
        } else json.skip();
      }
      xattrs.push({ name, value });
    }
    return xattrs;
  }

  #generic(): Map<string, Uint8Array> {
    const json = this.#json;
    const attributes = new Map<string, Uint8Array>();
    json.expect(0x7b);
    for (let first = true; json.member(first); first = false) {
      json.key();
      const key = json.text();
      json.peek();
      const from = json.at;
      json.skip();
      attributes.set(key, copyOf(json.bytes, from, json.at));
    }
    return attributes;
  }
}

const EMPTY = new Uint8Array(0);

function sameRange(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  // Digits that differ are most often the last ones.
  for (let i = length - 1; i >= 0; i--) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

/**
 * Yields every node in stored order, decoding each when it is asked for. `bytes` must stay unchanged while names are in
 * use. Throws SyntaxError where it finds what is no tree, which may be after some nodes.
 */
export function* iterateTree(bytes: Uint8Array): Generator<TreeNode, void, void> {
  const json = new JsonReader(bytes);
  const reader = new NodeReader(json);
  json.expect(0x7b);
  for (let first = true; json.member(first); first = false) {
    json.key();
    if (!json.is(NODES)) {
      json.skip();
      continue;
    }
    if (json.takeNull()) continue;
    json.expect(0x5b);
    for (let start = true; json.element(start); start = false) yield reader.node();
  }
  json.end();
}

/** Calls `visit` for every node in stored order. `bytes` must stay unchanged while names are in use. Throws SyntaxError. */
export function readTree(bytes: Uint8Array, visit: (node: TreeNode) => void): void {
  for (const node of iterateTree(bytes)) visit(node);
}

/** Returns the nodes of a tree in stored order. `bytes` must stay unchanged while names are in use. Throws SyntaxError. */
export function decodeTree(bytes: Uint8Array): TreeNode[] {
  const nodes: TreeNode[] = [];
  readTree(bytes, (node) => nodes.push(node));
  return nodes;
}
