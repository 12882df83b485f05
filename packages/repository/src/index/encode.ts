/** Packs to the JSON of an index file. Format: restic `internal/repository/index/index.go`. */
import { ByteWriter } from '../encoding/byte-writer.ts';
import { utf8 } from '../encoding/bytes.ts';
import { ID_BYTES } from '../ids.ts';
import { HeaderCursor } from '../pack/header.ts';

/** One pack as the index needs it. */
export interface IndexedPack {
  /** The raw id. */
  readonly sha256: Uint8Array;
  /** The opened header: every blob of the pack, in order. */
  readonly header: Uint8Array;
}

const HEAD = utf8('{"packs":[');
const TAIL = utf8(']}\n');
const PACK = utf8('{"id":"');
const BLOBS = utf8('","blobs":[');
const BLOB = utf8('{"id":"');
const DATA = utf8('","type":"data","offset":');
const TREE = utf8('","type":"tree","offset":');
const LENGTH = utf8(',"length":');
const UNCOMPRESSED = utf8(',"uncompressed_length":');
const END_PACK = utf8(']}');

/** JSON for a byte of a header, which is less for blobs that are not compressed: nearly always enough, so that nothing has to grow. */
const JSON_PER_HEADER_BYTE = 3.5;

/** Returns the JSON of an index file that lists every blob of these packs. */
export function encodeIndex(packs: readonly IndexedPack[]): Uint8Array {
  const headers = packs.reduce((sum, { header }) => sum + header.length, 0);
  const out = new ByteWriter(4096 + Math.ceil(headers * JSON_PER_HEADER_BYTE));
  out.bytes(HEAD);
  let firstPack = true;
  for (const { sha256, header } of packs) {
    if (!firstPack) out.byte(0x2c);
    firstPack = false;
    out.bytes(PACK);
    out.hex(sha256, 0, ID_BYTES);
    out.bytes(BLOBS);
    const entry = new HeaderCursor(header);
    for (let firstBlob = true; entry.next(); firstBlob = false) {
      if (!firstBlob) out.byte(0x2c);
      encodeEntry(out, header, entry);
    }
    out.bytes(END_PACK);
  }
  out.bytes(TAIL);
  return out.view();
}

function encodeEntry(out: ByteWriter, header: Uint8Array, entry: HeaderCursor): void {
  out.bytes(BLOB);
  out.hex(header, entry.idAt, ID_BYTES);
  out.bytes(entry.kind === 'data' ? DATA : TREE);
  out.decimal(entry.offset);
  out.bytes(LENGTH);
  out.decimal(entry.length);
  if (entry.uncompressedLength !== 0) {
    out.bytes(UNCOMPRESSED);
    out.decimal(entry.uncompressedLength);
  }
  out.byte(0x7d);
}
