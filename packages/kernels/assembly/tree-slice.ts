/**
 * Some entries of one directory, from what the system says of them to the text of their nodes, beside the parent's tree.
 * A file that the parent has with the same facts takes its content over; what else the caller must do is left in columns.
 * A run changes nothing that a second run would read: it can be repeated with more room.
 *
 * Memory (src/trees/layout.ts): fixed tables below 32 KiB, columns of SLICE entries to 64 KiB, rows of struct statx after
 * them; the rest is laid out by the caller. 16 bytes of room after each range; a byte below 0x20 after the parent's text.
 */

import {
  compareName, contentAt, contentEnd, ctimeNanos, ctimeSeconds, hasTree, idsEnd, inode, mtimeNanos, mtimeSeconds, nodeAt,
  nodeEnd, readNode, size, subtreeAt, type,
} from './tree-before';
import {
  ATIME, CONTENT, copy, CTIME, decimal, DEVICE, DEVICE_ID, INODE, LINKS, MODE, MTIME, NAME, NO_CONTENT, put, same, SIZE,
  SUBTREE, TYPE, TYPE_CHARDEV, TYPE_DEV, TYPE_DIR, TYPE_FIFO, TYPE_FILE, TYPE_IRREGULAR, TYPE_SOCKET, TYPE_SYMLINK, TYPES,
} from './tree-text';
import { isPlainTime, writeTime } from './tree-time';

export { sortedNames, sortNames, spreadNames } from './tree-names';

/** Writes a name as it stands in a tree, quotes included, to `at`; returns its end. */
// @ts-ignore: decorator
@external("js", "encodeName")
declare function encodeName(name: usize, length: usize, at: usize): usize;
/** Writes the fields of an owner (uid, gid, user, group) to `at`, at most OWNER_ROOM bytes; returns their number, 0 if it cannot. */
// @ts-ignore: decorator
@external("js", "encodeOwner")
declare function encodeOwner(uid: u32, gid: u32, at: usize): usize;
/** Writes the whole node of an entry to `at`, with no content ([]) or 64 zeros for a subtree; returns its end. */
// @ts-ignore: decorator
@external("js", "encodeNode")
declare function encodeNode(entry: u32, at: usize): usize;

/** Owners met last, 512 bytes each: uid, gid, length, text. */
const OWNERS: usize = 4096;
const OWNER_SLOTS: u32 = 16;
const OWNER_BYTES: usize = 512;

// Columns: 4 bytes an entry, then those of one byte.
const NAME_AT: usize = 32_768;
const EXTRA_AT: usize = NAME_AT + 4096;
const EXTRA_LENGTH: usize = EXTRA_AT + 4096;
const NODE_AT: usize = EXTRA_LENGTH + 4096;
const BEFORE_AT: usize = NODE_AT + 4096;
const BEFORE_LENGTH: usize = BEFORE_AT + 4096;
const IDS_END: usize = BEFORE_LENGTH + 4096;
const WISH: usize = IDS_END + 4096;
const STATUS: usize = WISH + 1024;

const ROWS: usize = 65_536;
const ROW_BYTES: usize = 144;

// struct statx (statx(2)).
const NLINK: usize = 16;
const UID: usize = 20;
const GID: usize = 24;
const ST_MODE: usize = 28;
const INO: usize = 32;
const ST_SIZE: usize = 40;
const ST_ATIME: usize = 64;
const ST_CTIME: usize = 96;
const ST_MTIME: usize = 112;
const RDEV: usize = 128;
const DEV: usize = 136;

/** The caller's wishes. */
const LEAVE_OUT: u32 = 1;
/** Content is missing from the repository: read the file, whatever its facts. */
const READ_AGAIN: u32 = 2;

/** What became of an entry; the same numbers are in src/trees/layout.ts. */
const LEFT_OUT: u32 = 0;
const WRITTEN: u32 = 1;
/** A file with the parent's content. */
const TAKEN_OVER: u32 = 2;
/** A file to be read: its node's content is empty. */
const TO_READ: u32 = 3;
/** The same; its facts are the parent's, but there is no content to take over. */
const CONTENT_LOST: u32 = 4;
/** A file to be read, of one chunk at most, that the parent has not: 64 zeros stand for its id, unless it is empty. */
const NEW_SMALL: u32 = 5;
/** A directory: its node has the parent's subtree, or 64 zeros. */
const DIRECTORY: u32 = 6;
/** The same; but for the subtree the node is the parent's. */
const SAME_DIRECTORY: u32 = 7;

/** A smaller file is one chunk (src/chunker/scanner.ts). */
const MIN_CHUNK: u64 = 512 * 1024;

/** Results of run(). */
const DONE: i32 = 0;
/** The parent's text ends in the middle, or is none: bring more of it, or look at it closely. */
const NO_NODE: i32 = 1;

const FLAG_ATIME: u32 = 1;
const FLAG_IGNORE_CTIME: u32 = 2;
const FLAG_IGNORE_INODE: u32 = 4;

const RANGE_END: u8 = 0x5d;

let flags: u32 = 0;
/** The first node of the parent that is not passed. */
let beforeAt: usize = 0;
let filesTakenOver: u32 = 0;
let bytesTakenOver: u64 = 0;

/** The position in the parent's text that the next slice begins at. */
export function passed(): usize {
  return beforeAt;
}

/** Files with the parent's content, and their bytes, in the last run. */
export function takenOver(): u32 {
  return filesTakenOver;
}

export function takenOverBytes(): f64 {
  return <f64>bytesTakenOver;
}

/** Returns DONE if nodes follow each other from `at` to the end of their list, where passed() then is; else NO_NODE. */
export function checkBefore(at: usize, ids: usize): i32 {
  beforeAt = at;
  if (load<u8>(at) == RANGE_END) return DONE;
  let end = readNode(at, ids);
  while (end && load<u8>(end) == 0x2c) {
    beforeAt = end + 1;
    end = readNode(beforeAt, ids);
  }
  if (!end || load<u8>(end) != RANGE_END) return NO_NODE;
  beforeAt = end;
  return DONE;
}

/**
 * Writes the nodes of the first `count` entries to `out`, a comma after each. The parent's text goes on at `before`; the
 * raw ids of content that is taken over go to `ids`.
 */
export function run(count: u32, before: usize, ids: usize, out: usize, flagBits: u32): i32 {
  flags = flagBits;
  filesTakenOver = 0;
  bytesTakenOver = 0;
  beforeAt = before;
  let more = load<u8>(before) != RANGE_END;
  if (more && !readNode(before, ids)) return NO_NODE;
  for (let i: u32 = 0; i < count; i++) {
    const word = <usize>i << 2;
    const row = ROWS + <usize>i * ROW_BYTES;
    store<u32>(NODE_AT + word, out);
    store<u32>(IDS_END + word, ids);
    store<u32>(BEFORE_LENGTH + word, 0);
    store<u8>(STATUS + i, LEFT_OUT);
    const wish = <u32>load<u8>(WISH + i);
    const kind = typeOf(load<u16>(row, ST_MODE));
    if (wish == LEAVE_OUT || kind == TYPE_SOCKET) continue;
    const name = <usize>load<u32>(NAME_AT + word);
    let order: i32 = 1;
    while (more) {
      order = compareName(name);
      if (order >= 0) break;
      const next = load<u8>(nodeEnd);
      beforeAt = nodeEnd + 1;
      if (next == RANGE_END) {
        more = false;
        beforeAt = nodeEnd;
      } else if (next != 0x2c || !readNode(beforeAt, ids)) return NO_NODE;
    }
    const found = more && order == 0;
    if (found) {
      store<u32>(BEFORE_AT + word, nodeAt);
      store<u32>(BEFORE_LENGTH + word, nodeEnd - nodeAt);
    }
    const start = out;
    out = writeNode(i, row, name, kind, out);
    let status = WRITTEN;
    if (kind == TYPE_FILE) {
      status = TO_READ;
      if (found && isUnchanged(row)) {
        if (!contentAt || wish == READ_AGAIN) status = CONTENT_LOST;
        else {
          status = TAKEN_OVER;
          // After the bracket that opens the content.
          out = copy(out - 2, contentAt, contentEnd - contentAt);
          store<u8>(out++, 0x7d);
          ids = idsEnd;
          filesTakenOver++;
          bytesTakenOver += size;
        }
      } else if (!found && load<u64>(row, ST_SIZE) < MIN_CHUNK) {
        status = NEW_SMALL;
        if (load<u64>(row, ST_SIZE)) out = placeForId(out);
      }
    } else if (kind == TYPE_DIR) {
      status = DIRECTORY;
      if (found && hasTree()) {
        copy(out - 66, subtreeAt, 64);
        store<u16>(out - 2, 0x7d22);
        if (out - start == nodeEnd - nodeAt && same(start, nodeAt, out - start)) status = SAME_DIRECTORY;
      }
    }
    store<u8>(STATUS + i, status);
    store<u32>(IDS_END + word, ids);
    store<u8>(out++, 0x2c);
  }
  store<u32>(NODE_AT + (<usize>count << 2), out);
  return DONE;
}

function typeOf(mode: u32): usize {
  switch (mode >> 12) {
    case 1:
      return TYPE_FIFO;
    case 2:
      return TYPE_CHARDEV;
    case 4:
      return TYPE_DIR;
    case 6:
      return TYPE_DEV;
    case 8:
      return TYPE_FILE;
    case 10:
      return TYPE_SYMLINK;
    case 12:
      return TYPE_SOCKET;
    default:
      return TYPE_IRREGULAR;
  }
}

/** The rule of isUnchanged() in the archive package. */
function isUnchanged(row: usize): bool {
  if (type != TYPE_FILE || size != load<u64>(row, ST_SIZE)) return false;
  if (mtimeSeconds != load<i64>(row, ST_MTIME) || mtimeNanos != load<u32>(row, ST_MTIME + 8)) return false;
  if (!(flags & (FLAG_IGNORE_CTIME | FLAG_IGNORE_INODE))) {
    if (ctimeSeconds != load<i64>(row, ST_CTIME) || ctimeNanos != load<u32>(row, ST_CTIME + 8)) return false;
  }
  return (flags & FLAG_IGNORE_INODE) != 0 || inode == load<u64>(row, INO);
}

/** Writes a node: with `[]` for a file's content, 64 zeros for the tree of a directory. */
function writeNode(entry: u32, row: usize, name: usize, kind: usize, out: usize): usize {
  const mtime = load<i64>(row, ST_MTIME);
  const atime = flags & FLAG_ATIME ? load<i64>(row, ST_ATIME) : mtime;
  const ctime = load<i64>(row, ST_CTIME);
  const owner = ownerOf(load<u32>(row, UID), load<u32>(row, GID));
  if (!owner || !isPlainTime(mtime) || !isPlainTime(atime) || !isPlainTime(ctime)) return encodeNode(entry, out);
  out = writeName(name, out);
  out = put(out, TYPE);
  out = put(out, TYPES + kind);
  const mode = goMode(load<u16>(row, ST_MODE), kind);
  if (mode) out = decimal(put(out, MODE), mode);
  else store<u8>(out++, 0x22);
  out = writeTimes(row, out);
  store<u8>(out++, 0x22);
  out = copy(out, owner + 12, load<u32>(owner, 8));
  out = number(out, INODE, load<u64>(row, INO));
  out = number(out, DEVICE_ID, device(row + DEV));
  if (kind == TYPE_FILE) out = number(out, SIZE, load<u64>(row, ST_SIZE));
  const isDevice = kind == TYPE_DEV || kind == TYPE_CHARDEV;
  if (kind == TYPE_FILE || kind == TYPE_SYMLINK || isDevice) out = number(out, LINKS, load<u32>(row, NLINK));
  const word = <usize>entry << 2;
  const extra = load<u32>(EXTRA_LENGTH + word);
  if (extra) out = copy(out, load<u32>(EXTRA_AT + word), extra);
  if (isDevice) out = number(out, DEVICE, device(row + RDEV));
  if (kind == TYPE_FILE) {
    out = put(out, CONTENT);
    store<u16>(out, 0x7d5d);
    return out + 2;
  }
  out = put(out, NO_CONTENT);
  if (kind == TYPE_DIR) out = zeros(put(out, SUBTREE));
  store<u8>(out, 0x7d);
  return out + 1;
}

/** Writes 64 zeros, which stand for an id, and the quote after them. */
function zeros(out: usize): usize {
  for (let i: usize = 0; i < 64; i += 8) store<u64>(out + i, 0x3030303030303030);
  store<u8>(out, 0x22, 64);
  return out + 65;
}

/** Makes a place for one id in the content, `[]`, of the node that ends at `out`; returns its new end. */
function placeForId(out: usize): usize {
  store<u8>(out - 2, 0x22);
  out = zeros(out - 1);
  store<u16>(out, 0x7d5d);
  return out + 2;
}

/** Writes the opening of a node and its name, without the quote after it. */
function writeName(name: usize, out: usize): usize {
  const start = put(out, NAME);
  let at = start;
  for (let i = name; ; i++) {
    const code = load<u8>(i);
    if (code == 0) return at;
    const plain =
      code >= 0x20 && code < 0x7f && code != 0x22 && code != 0x5c && code != 0x3c && code != 0x3e && code != 0x26;
    if (!plain) break;
    store<u8>(at++, code);
  }
  let end = name;
  while (load<u8>(end)) end++;
  return encodeName(name, end - name, start - 1) - 1;
}

function writeTimes(row: usize, out: usize): usize {
  const start = put(out, MTIME);
  let end = writeTime(start, load<i64>(row, ST_MTIME), load<u32>(row, ST_MTIME + 8));
  const length = end - start;
  out = put(end, ATIME);
  if (!(flags & FLAG_ATIME)) end = copy(out, start, length);
  else end = writeTime(out, load<i64>(row, ST_ATIME), load<u32>(row, ST_ATIME + 8));
  out = put(end, CTIME);
  const ctimeIsMtime =
    load<i64>(row, ST_CTIME) == load<i64>(row, ST_MTIME) && load<u32>(row, ST_CTIME + 8) == load<u32>(row, ST_MTIME + 8);
  if (ctimeIsMtime) return copy(out, start, length);
  return writeTime(out, load<i64>(row, ST_CTIME), load<u32>(row, ST_CTIME + 8));
}

/** Returns the slot of an owner, or 0 for one that does not fit. */
function ownerOf(uid: u32, gid: u32): usize {
  const slot = OWNERS + <usize>((uid ^ (gid * 5)) & (OWNER_SLOTS - 1)) * OWNER_BYTES;
  if (load<u32>(slot, 8) && load<u32>(slot) == uid && load<u32>(slot, 4) == gid) return slot;
  const length = encodeOwner(uid, gid, slot + 12);
  store<u32>(slot, uid);
  store<u32>(slot, gid, 4);
  store<u32>(slot, length, 8);
  return length ? slot : 0;
}

/** Writes a word and a number, which are left out if it is 0. */
function number(out: usize, word: usize, value: u64): usize {
  return value ? decimal(put(out, word), value) : out;
}

/** makedev(3) of major and minor. */
function device(at: usize): u64 {
  const major = <u64>load<u32>(at);
  const minor = <u64>load<u32>(at, 4);
  return ((major & 0xfffff000) << 32) | ((major & 0xfff) << 8) | ((minor & 0xffffff00) << 12) | (minor & 0xff);
}

/** Go's os.FileMode of a st_mode. */
function goMode(mode: u32, kind: usize): u32 {
  let bits = mode & 0o777;
  if (mode & 0o4000) bits |= 0x00800000;
  if (mode & 0o2000) bits |= 0x00400000;
  if (mode & 0o1000) bits |= 0x00100000;
  if (kind == TYPE_DIR) bits |= 0x80000000;
  else if (kind == TYPE_SYMLINK) bits |= 0x08000000;
  else if (kind == TYPE_DEV) bits |= 0x04000000;
  else if (kind == TYPE_CHARDEV) bits |= 0x04200000;
  else if (kind == TYPE_FIFO) bits |= 0x02000000;
  else if (kind == TYPE_IRREGULAR) bits |= 0x00080000;
  return bits;
}
