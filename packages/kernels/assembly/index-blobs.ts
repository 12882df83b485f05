/**
 * Blobs of an index file (restic `internal/repository/index/index.go`) to records, as long as they stand in the one form in
 * which restic and Hostark write them, one behind the other:
 * {"id":"HEX","type":"data","offset":N,"length":N,"uncompressed_length":N}, the last key only where it is not 0. Every other
 * form is for the reader that knows all of JSON. Texts are compared eight bytes at a time, the first of them lowest.
 */

/** The memory, as src/index-blobs.ts lays it out. */
const RECORDS: usize = 1024 + 65_536;
const RECORD_BYTES: usize = 48;
/** Longer no blob is; behind the last one of a text there must be as much, or it is not read. */
const LONGEST: usize = 192;

/** `{"id":"` */
const HEAD: u64 = 0x223a226469227b;
const HEAD_BYTES: usize = 7;
/** `","type"`, then `:"data",` or `:"tree",`, then `"offset"` */
const TYPE: u64 = 0x2265707974222c22;
const DATA: u64 = 0x2c2261746164223a;
const TREE: u64 = 0x2c2265657274223a;
const OFFSET: u64 = 0x2274657366666f22;
const COLON: u8 = 0x3a;
/** `,"length`, then `":` */
const LENGTH: u64 = 0x6874676e656c222c;
const QUOTE_COLON: u16 = 0x3a22;
/** `,"uncomp`, `ressed_l`, `ength":` */
const UNCOMPRESSED_1: u64 = 0x706d6f636e75222c;
const UNCOMPRESSED_2: u64 = 0x6c5f646573736572;
const UNCOMPRESSED_3: u64 = 0x3a226874676e65;
const SEVEN_BYTES: u64 = 0xffffffffffffff;
const COMMA: u8 = 0x2c;
const END: u8 = 0x7d;

const ONES: u64 = 0x0101010101010101;

let records: i32 = 0;
let position: usize = 0;

/** How many blobs read() has read. */
export function count(): i32 {
  return records;
}

/** Reads blobs from `from` on; the text ends at `end`. Returns where the last one that was read ends. */
export function read(from: usize, end: usize): usize {
  records = 0;
  let done = from;
  let at = from;
  while (at + LONGEST <= end) {
    if (!blob(at, RECORDS + <usize>records * RECORD_BYTES)) break;
    records++;
    done = position;
    if (load<u8>(done) != COMMA) break;
    at = done + 1;
  }
  return done;
}

/** Reads one blob to a record, and leaves its end in `position`. */
function blob(from: usize, record: usize): bool {
  if ((load<u64>(from) & SEVEN_BYTES) != HEAD) return false;
  let at = from + HEAD_BYTES;
  for (let word: usize = 0; word < 32; word += 4, at += 8) if (!hex(at, record + word)) return false;
  if (load<u64>(at) != TYPE) return false;
  const kind = load<u64>(at, 8);
  if (kind != DATA && kind != TREE) return false;
  if (load<u64>(at, 16) != OFFSET || load<u8>(at, 24) != COLON) return false;
  position = at + 25;
  if (!number(record + 32)) return false;
  if (load<u64>(position) != LENGTH || load<u16>(position, 8) != QUOTE_COLON) return false;
  position += 10;
  if (!number(record + 36)) return false;
  store<u32>(record, 0, 40);
  if (load<u8>(position) == COMMA) {
    const isNamed =
      load<u64>(position) == UNCOMPRESSED_1 &&
      load<u64>(position, 8) == UNCOMPRESSED_2 &&
      (load<u64>(position, 16) & SEVEN_BYTES) == UNCOMPRESSED_3;
    if (!isNamed) return false;
    position += 23;
    if (!number(record + 40)) return false;
  }
  store<u32>(record, <u32>(kind == TREE), 44);
  return load<u8>(position++) == END;
}

/** Eight lower-case digits, the highest first, to a word. */
function hex(at: usize, to: usize): bool {
  const text = load<u64>(at);
  const digits = (text & (0x0f * ONES)) + ((text >> 6) & ONES) * 9;
  const letters = ((digits + 0x06 * ONES) >> 4) & ONES;
  // They are digits if these would be written so.
  if ((digits & (0xf0 * ONES)) != 0 || digits + 0x30 * ONES + letters * 0x27 != text) return false;
  const bytes = (digits << 4) | (digits >> 8);
  const word = ((bytes & 0xff) << 24) | (((bytes >> 16) & 0xff) << 16) | (((bytes >> 32) & 0xff) << 8) | ((bytes >> 48) & 0xff);
  store<u32>(to, <u32>word);
  return true;
}

/** A number of one to nine digits at `position`, which moves behind it. */
function number(to: usize): bool {
  const from = position;
  let value: u32 = 0;
  let at = from;
  for (;;) {
    const digit = <u32>load<u8>(at) - 0x30;
    if (digit > 9) break;
    value = value * 10 + digit;
    at++;
    if (at > from + 9) return false;
  }
  const isPadded = load<u8>(from) == 0x30 && at > from + 1;
  if (at == from || isPadded) return false;
  position = at;
  store<u32>(to, value);
  return true;
}
