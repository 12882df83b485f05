/**
 * Index files to blobs, streaming: no objects in between. Blobs that stand as restic and Hostark write them go through a kernel,
 * others are read as JSON; unknown keys are ignored.
 * Format: restic `internal/repository/index/index.go`.
 */
import { BLOB_RECORD, IndexBlobs } from '@hostark/kernels';
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
  /** Takes in place of blob() what comes in the usual form, as BLOB_RECORD of the kernels; valid until the call returns. */
  blobs?(records: Int32Array, count: number): void;
}

let kernel: IndexBlobs | null | undefined;

/** Reads one index file. Throws SyntaxError where it is not one. */
export function readIndex(bytes: Uint8Array, visitor: IndexVisitor): void {
  if (kernel === undefined) kernel = IndexBlobs.create();
  try {
    readFile(bytes, visitor);
  } finally {
    kernel?.forget();
  }
}

function readFile(bytes: Uint8Array, visitor: IndexVisitor): void {
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
  for (let first = true; json.element(first); first = false) {
    if (!readRecords(json, visitor)) readBlob(json, visitor);
  }
}

/** Takes all blobs that come in the usual form from here on, and returns whether there are any. */
function readRecords(json: JsonReader, visitor: IndexVisitor): boolean {
  if (!kernel) return false;
  const { at } = json;
  json.at = kernel.read(json.bytes, at);
  if (json.at === at) return false;
  if (visitor.blobs !== undefined) visitor.blobs(kernel.records, kernel.count);
  else tellOneByOne(kernel.records, kernel.count, visitor);
  return true;
}

function tellOneByOne(records: Int32Array, count: number, visitor: IndexVisitor): void {
  for (let next = 0; next < count; next++) {
    const at = next * BLOB_RECORD.words;
    for (let i = 0; i < ID_BYTES; i++) blobId[i] = records[at + (i >> 2)]! >>> (24 - 8 * (i & 3));
    const kind = records[at + BLOB_RECORD.isTree] === 0 ? 'data' : 'tree';
    const word = (field: number): number => records[at + field]!;
    const { offset, length, uncompressedLength } = BLOB_RECORD;
    visitor.blob(kind, blobId, word(offset), word(length), word(uncompressedLength));
  }
}

function readBlob(json: JsonReader, visitor: IndexVisitor): void {
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
