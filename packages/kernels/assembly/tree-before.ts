/**
 * The parent's tree, node by node, as restic and Hostark write it: restic's order of fields, no white space. Anything else
 * is refused (0), and the careful decoder of the repository package looks at it. Every loop ends at a byte below 0x20,
 * which the caller puts after the text.
 */

import {
  ATIME, CONTENT, CTIME, DEVICE, DEVICE_ID, GID, GROUP, INODE, LINK_TARGET, LINKS, MODE, MTIME, NAME, NO_CONTENT, same,
  SIZE, SUBTREE, take, TYPE, TYPE_DIR, TYPE_FILE, TYPE_IRREGULAR, TYPES, UID, USER, XATTR_VALUE, XATTRS, XATTRS_REST,
} from './tree-text';
import { readNanos, readSeconds, readTime } from './tree-time';

/**
 * Decodes a name that is not plain ASCII: `length` bytes at `at`, as they stand between the quotes. Leaves its bytes at
 * DECODED and returns their number, or -1 if it is no name.
 */
// @ts-ignore: decorator
@external("js", "decodeName")
declare function decodeName(at: usize, length: usize): i32;

/** Room for one decoded name. */
const DECODED: usize = 28_672;

/** The node read last. */
export let nodeAt: usize = 0;
export let nodeEnd: usize = 0;
export let nameAt: usize = 0;
export let nameLength: usize = 0;
export let type: usize = 0;
export let mtimeSeconds: i64 = 0;
export let mtimeNanos: u32 = 0;
export let ctimeSeconds: i64 = 0;
export let ctimeNanos: u32 = 0;
export let inode: u64 = 0;
export let size: u64 = 0;
/** After the bracket that opens the content; 0 for null. */
export let contentAt: usize = 0;
/** After the bracket that closes it. */
export let contentEnd: usize = 0;
/** The digits of the subtree's id; 0 for none. */
export let subtreeAt: usize = 0;
/** Where the raw ids of the content end. */
export let idsEnd: usize = 0;

let number: u64 = 0;

/** Reads the node at `at`; the ids of its content go to `ids`, 32 bytes each. Returns its end, or 0. */
export function readNode(at: usize, ids: usize): usize {
  nodeAt = at;
  if (!(at = take(at, NAME))) return 0;
  if (!(at = readName(at))) return 0;
  if (!(at = take(at, TYPE))) return 0;
  if (!(at = readType(at))) return 0;
  const mode = take(at, MODE);
  if (mode) {
    if (!(at = readNumber(mode, u32.MAX_VALUE))) return 0;
  } else if (load<u8>(at++) != 0x22) return 0;
  if (!(at = readTimes(at))) return 0;
  if (!(at = take(at, UID)) || !(at = readNumber(at, u32.MAX_VALUE))) return 0;
  if (!(at = take(at, GID)) || !(at = readNumber(at, u32.MAX_VALUE))) return 0;
  if (!(at = optionalText(at, USER)) || !(at = optionalText(at, GROUP))) return 0;
  if (!(at = optionalNumber(at, INODE))) return 0;
  inode = number;
  if (!(at = optionalNumber(at, DEVICE_ID))) return 0;
  if (!(at = optionalNumber(at, SIZE))) return 0;
  size = number;
  if (!(at = optionalNumber(at, LINKS))) return 0;
  if (!(at = optionalText(at, LINK_TARGET))) return 0;
  const xattrs = take(at, XATTRS);
  if (xattrs && !(at = readXattrs(xattrs))) return 0;
  if (!(at = optionalNumber(at, DEVICE))) return 0;
  if (!(at = readContent(at, ids))) return 0;
  const subtree = take(at, SUBTREE);
  subtreeAt = subtree;
  if (subtree && !(at = readId(subtree, idsEnd))) return 0;
  if (load<u8>(at) != 0x7d) return 0;
  nodeEnd = at + 1;
  return at + 1;
}

/** Returns below, at or above 0 as the node's name is below, at or above the one that a NUL ends. */
export function compareName(name: usize): i32 {
  for (let i: usize = 0; i < nameLength; i++) {
    const difference = <i32>load<u8>(nameAt + i) - <i32>load<u8>(name + i);
    if (difference) return difference;
  }
  return -(<i32>load<u8>(name + nameLength));
}

function readName(from: usize): usize {
  let at = from;
  let plain = true;
  for (let code = load<u8>(at); code != 0x22; code = load<u8>(at)) {
    if (code < 0x20) return 0;
    if (code == 0x5c) {
      plain = false;
      if (load<u8>(++at) < 0x20) return 0;
    } else if (code >= 0x80) plain = false;
    at++;
  }
  nameAt = from;
  nameLength = at - from;
  if (plain) return at;
  const length = decodeName(from, at - from);
  if (length < 0) return 0;
  nameAt = DECODED;
  nameLength = length;
  return at;
}

function readType(at: usize): usize {
  for (let word = TYPE_FILE; word <= TYPE_IRREGULAR; word++) {
    const end = take(at, TYPES + word);
    if (!end || load<u8>(end) != 0x22) continue;
    type = word;
    return end;
  }
  return 0;
}

function readTimes(at: usize): usize {
  const mtime = take(at, MTIME);
  if (!mtime) return 0;
  if (!(at = readTime(mtime))) return 0;
  mtimeSeconds = readSeconds;
  mtimeNanos = readNanos;
  // The quote is part of the next word.
  const length = at - mtime;
  const atime = take(at - 1, ATIME);
  if (!atime) return 0;
  if (!(at = same(mtime, atime, length) ? atime + length : readTime(atime))) return 0;
  const ctime = take(at - 1, CTIME);
  if (!ctime) return 0;
  if (same(mtime, ctime, length)) {
    at = ctime + length;
    ctimeSeconds = mtimeSeconds;
    ctimeNanos = mtimeNanos;
  } else {
    if (!(at = readTime(ctime))) return 0;
    ctimeSeconds = readSeconds;
    ctimeNanos = readNanos;
  }
  return at - 1;
}

/** Reads a number of up to 19 digits: they always fit 64 bits. */
function readNumber(from: usize, limit: u64): usize {
  let at = from;
  let value: u64 = 0;
  for (let digit = <u32>load<u8>(at) - 0x30; digit <= 9; digit = <u32>load<u8>(++at) - 0x30) value = value * 10 + digit;
  const digits = at - from;
  if (!digits || digits > 19 || (digits > 1 && load<u8>(from) == 0x30) || value > limit) return 0;
  number = value;
  return at;
}

/** Where the word stands, reads the number after it; else the number is 0. */
function optionalNumber(at: usize, word: usize): usize {
  const from = take(at, word);
  if (from) return readNumber(from, u64.MAX_VALUE);
  number = 0;
  return at;
}

function optionalText(at: usize, word: usize): usize {
  const from = take(at, word);
  return from ? skipText(from) : at;
}

/** Steps over a string and the quote after it. */
function skipText(at: usize): usize {
  for (let code = load<u8>(at); code != 0x22; code = load<u8>(at)) {
    if (code < 0x20) return 0;
    at++;
    if (code == 0x5c && !(at = skipEscape(at))) return 0;
  }
  return at + 1;
}

/** Steps over what follows a backslash in JSON. */
function skipEscape(at: usize): usize {
  const letter = load<u8>(at);
  if (letter == 0x75) {
    for (let i: usize = 1; i <= 4; i++) if (!isHex(load<u8>(at + i))) return 0;
    return at + 5;
  }
  const known =
    letter == 0x22 || letter == 0x5c || letter == 0x2f || letter == 0x62 ||
    letter == 0x66 || letter == 0x6e || letter == 0x72 || letter == 0x74;
  return known ? at + 1 : 0;
}

function isHex(code: u32): bool {
  return code - 0x30 <= 9 || (code | 0x20) - 0x61 <= 5;
}

/** A list of names and values, not empty, after the first half of its opening word. */
function readXattrs(at: usize): usize {
  if (!(at = take(at, XATTRS_REST))) return 0;
  let next: u8;
  do {
    if (!(at = take(at, NAME)) || !(at = skipText(at))) return 0;
    if (!(at = take(at - 1, XATTR_VALUE)) || !(at = readBase64(at))) return 0;
    if (load<u8>(at++) != 0x7d) return 0;
    next = load<u8>(at++);
  } while (next == 0x2c);
  return next == 0x5d ? at : 0;
}

/** Padded base64 and the quote after it. */
function readBase64(from: usize): usize {
  let at = from;
  for (let code: u32 = load<u8>(at); code != 0x22; code = load<u8>(++at)) {
    if ((code | 0x20) - 0x61 <= 25 || code - 0x30 <= 9 || code == 0x2b || code == 0x2f) continue;
    const padded = code == 0x3d && (load<u8>(at, 1) == 0x22 || (load<u8>(at, 1) == 0x3d && load<u8>(at, 2) == 0x22));
    if (!padded) return 0;
  }
  return (at - from) & 3 ? 0 : at + 1;
}

function readContent(at: usize, ids: usize): usize {
  idsEnd = ids;
  contentAt = 0;
  contentEnd = 0;
  const none = take(at, NO_CONTENT);
  if (none) return none;
  if (!(at = take(at, CONTENT))) return 0;
  contentAt = at;
  if (load<u8>(at) != 0x5d) {
    for (;;) {
      if (load<u8>(at) != 0x22 || !(at = readId(at + 1, ids))) return 0;
      ids += 32;
      const next = load<u8>(at);
      if (next == 0x5d) break;
      if (next != 0x2c) return 0;
      at++;
    }
  }
  idsEnd = ids;
  contentEnd = at + 1;
  return at + 1;
}

/** Reads 64 lowercase hex digits and the quote after them; the raw id goes to `id`. */
function readId(at: usize, id: usize): usize {
  let wrong: u64 = 0;
  for (let i: usize = 0; i < 64; i += 8) {
    const text = load<u64>(at + i);
    // Letters have bit 6: nine more than their low half.
    const value = (text & 0x0f0f0f0f0f0f0f0f) + ((text >> 6) & 0x0101010101010101) * 9;
    const letters = ((value + 0x0606060606060606) >> 4) & 0x0101010101010101;
    // Only digits come back as what they were.
    wrong |= (value & 0xf0f0f0f0f0f0f0f0) | (text ^ (value + 0x3030303030303030 + letters * 0x27));
    const pairs = ((value << 4) | (value >> 8)) & 0x00ff00ff00ff00ff;
    const quads = (pairs | (pairs >> 8)) & 0x0000ffff0000ffff;
    store<u32>(id + (i >> 1), <u32>(quads | (quads >> 16)));
  }
  return wrong || load<u8>(at, 64) != 0x22 ? 0 : at + 65;
}

/** Returns whether the node is a directory's with a tree. */
// @ts-ignore: decorator
@inline
export function hasTree(): bool {
  return type == TYPE_DIR && subtreeAt != 0;
}
