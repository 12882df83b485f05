/**
 * Index files to blobs, streaming: one call per blob, no objects in between. Unknown keys are ignored.
 * Format: restic `internal/repository/index/index.go`.
 */
import type { BlobKind } from '../blobs/kind.ts';
import { utf8 } from '../encoding/bytes.ts';
import { JsonReader } from '../encoding/json-read.ts';
import { HEX_VALUE, ID_BYTES } from '../ids.ts';

const PACKS = utf8('packs');
const ID = utf8('id');
const BLOBS = utf8('blobs');
const TYPE = utf8('type');
const OFFSET = utf8('offset');
const LENGTH = utf8('length');
const UNCOMPRESSED = utf8('uncompressed_length');
const DATA = utf8('data');
const TREE = utf8('tree');

/** Receives what an index file says. The ids are raw, 32 bytes, and valid until the call returns. */
export interface IndexVisitor {
  /** A pack begins; the blobs that follow are in it. */
  pack(id: Uint8Array): void;
  blob(kind: BlobKind, id: Uint8Array, offset: number, length: number, uncompressedLength: number): void;
}

/** Reads one index file. Throws SyntaxError where it is not one. */
export function readIndex(bytes: Uint8Array, visitor: IndexVisitor): void {
  const json = new JsonReader(bytes);
  if (json.peek() === 0x5b) throw new SyntaxError('index: the array format of before 2015 is not supported');
  json.expect(0x7b);
  for (let first = true; json.member(first); first = false) {
    json.key();
    if (!json.is(PACKS)) json.skip();
    else if (!json.takeNull()) {
      json.expect(0x5b);
      for (let start = true; json.element(start); start = false) readPack(json, visitor);
    }
  }
  json.end();
}

const packId = new Uint8Array(ID_BYTES);
const blobId = new Uint8Array(ID_BYTES);

function readPack(json: JsonReader, visitor: IndexVisitor): void {
  const start = json.at;
  // The id comes first in every file there is, but JSON does not promise it: then the pack is read twice.
  let named = false;
  let blobsAt = -1;
  json.expect(0x7b);
  for (let first = true; json.member(first); first = false) {
    json.key();
    if (json.is(ID)) {
      readId(json, packId);
      visitor.pack(packId);
      named = true;
    } else if (json.is(BLOBS)) {
      if (named) readBlobs(json, visitor);
      else {
        json.peek();
        blobsAt = json.at;
        json.skip();
      }
    } else json.skip();
  }
  if (!named) throw new SyntaxError(`index: a pack without an id at offset ${start}`);
  if (blobsAt >= 0) {
    const end = json.at;
    json.at = blobsAt;
    readBlobs(json, visitor);
    json.at = end;
  }
}

function readBlobs(json: JsonReader, visitor: IndexVisitor): void {
  if (json.takeNull()) return;
  json.expect(0x5b);
  for (let first = true; json.element(first); first = false) readBlob(json, visitor);
}

function readBlob(json: JsonReader, visitor: IndexVisitor): void {
  if (readUsualBlob(json, visitor)) return;
  const start = json.at;
  let kind: BlobKind | null = null;
  let hasId = false;
  let offset = 0;
  let length = 0;
  let uncompressedLength = 0;
  json.expect(0x7b);
  for (let first = true; json.member(first); first = false) {
    json.key();
    if (json.is(ID)) {
      readId(json, blobId);
      hasId = true;
    } else if (json.is(TYPE)) {
      json.string();
      kind = json.is(DATA) ? 'data' : json.is(TREE) ? 'tree' : null;
    } else if (json.is(OFFSET)) offset = json.uint32();
    else if (json.is(LENGTH)) length = json.uint32();
    else if (json.is(UNCOMPRESSED)) uncompressedLength = json.uint32();
    else json.skip();
  }
  if (kind === null || !hasId) throw new SyntaxError(`index: a blob without id or type at offset ${start}`);
  visitor.blob(kind, blobId, offset, length, uncompressedLength);
}

const HEAD = utf8('{"id":"');
const MIDDLE_DATA = utf8('","type":"data","offset":');
const MIDDLE_TREE = utf8('","type":"tree","offset":');
const LENGTH_KEY = utf8(',"length":');
const UNCOMPRESSED_KEY = utf8(',"uncompressed_length":');

/** Reads a blob in the form that restic and Hostark write; takes nothing and returns false where it is not in that form. */
function readUsualBlob(json: JsonReader, visitor: IndexVisitor): boolean {
  const { bytes } = json;
  let at = json.at;
  if (!follows(bytes, at, HEAD) || !readHex(bytes, at + HEAD.length, blobId)) return false;
  at += HEAD.length + 2 * ID_BYTES;
  const isTree = bytes[at + 10] === 0x74;
  if (!follows(bytes, at, isTree ? MIDDLE_TREE : MIDDLE_DATA)) return false;
  const offset = digitsAt(bytes, at + MIDDLE_DATA.length);
  at = digitsEnd;
  if (offset < 0 || !follows(bytes, at, LENGTH_KEY)) return false;
  const length = digitsAt(bytes, at + LENGTH_KEY.length);
  if (length < 0) return false;
  at = digitsEnd;
  let uncompressedLength = 0;
  if (bytes[at] === 0x2c) {
    if (!follows(bytes, at, UNCOMPRESSED_KEY)) return false;
    uncompressedLength = digitsAt(bytes, at + UNCOMPRESSED_KEY.length);
    if (uncompressedLength < 0) return false;
    at = digitsEnd;
  }
  if (bytes[at] !== 0x7d) return false;
  json.at = at + 1;
  visitor.blob(isTree ? 'tree' : 'data', blobId, offset, length, uncompressedLength);
  return true;
}

function follows(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

/** Where the number that digitsAt() read last ends. */
let digitsEnd = 0;

/** Returns the number of up to nine digits at `at`, or -1 where there is none or a longer one. */
function digitsAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  let end = at;
  for (let digit = bytes[end]! - 0x30; digit >= 0 && digit <= 9; digit = bytes[++end]! - 0x30)
    value = value * 10 + digit;
  digitsEnd = end;
  const isPadded = bytes[at] === 0x30 && end > at + 1;
  return end === at || end > at + 9 || isPadded ? -1 : value;
}

function readHex(bytes: Uint8Array, from: number, out: Uint8Array): boolean {
  if (from + 2 * ID_BYTES > bytes.length) return false;
  let wrong = 0;
  for (let i = 0, at = from; i < ID_BYTES; i++, at += 2) {
    const high = HEX_VALUE[bytes[at]!]!;
    const low = HEX_VALUE[bytes[at + 1]!]!;
    wrong |= high | low;
    out[i] = (high << 4) | low;
  }
  return wrong <= 15;
}

function readId(json: JsonReader, out: Uint8Array): void {
  json.string();
  const { bytes, from, to } = json;
  const isId = to - from === 2 * ID_BYTES && readHex(bytes, from, out);
  if (!isId) throw new SyntaxError(`index: expected an id of 64 hex digits at offset ${from}`);
}
