/**
 * Pieces of a tree's text: the fixed words (src/trees/texts.ts writes them to TEXTS), numbers, copies.
 *
 * Everything copies and compares in steps of 8 bytes: 16 bytes after each source and target are readable and
 * writable, whatever they hold. Positions are addresses of this memory.
 */

/** The fixed words, 40 bytes each: 16 of text, 16 of mask, the length. */
const TEXTS: usize = 1024;
const TEXT_BYTES: usize = 40;

// Their numbers, in the order of src/trees/texts.ts.
export const NAME: usize = 0;
export const TYPE: usize = 1;
export const MODE: usize = 2;
export const MTIME: usize = 3;
export const ATIME: usize = 4;
export const CTIME: usize = 5;
export const UID: usize = 6;
export const GID: usize = 7;
export const USER: usize = 8;
export const GROUP: usize = 9;
export const INODE: usize = 10;
export const DEVICE_ID: usize = 11;
export const SIZE: usize = 12;
export const LINKS: usize = 13;
export const LINK_TARGET: usize = 14;
export const XATTRS: usize = 15;
export const XATTRS_REST: usize = 16;
export const XATTR_VALUE: usize = 17;
export const DEVICE: usize = 18;
export const NO_CONTENT: usize = 19;
export const CONTENT: usize = 20;
export const SUBTREE: usize = 21;
/** The types in the order of the TYPE_ constants. */
export const TYPES: usize = 22;

export const TYPE_FILE: usize = 0;
export const TYPE_DIR: usize = 1;
export const TYPE_SYMLINK: usize = 2;
export const TYPE_DEV: usize = 3;
export const TYPE_CHARDEV: usize = 4;
export const TYPE_FIFO: usize = 5;
export const TYPE_SOCKET: usize = 6;
export const TYPE_IRREGULAR: usize = 7;

/** Writes a word at `at` and returns its end. */
// @ts-ignore: decorator
@inline
export function put(at: usize, word: usize): usize {
  const text = TEXTS + word * TEXT_BYTES;
  store<u64>(at, load<u64>(text));
  store<u64>(at, load<u64>(text, 8), 8);
  return at + load<u32>(text, 32);
}

/** Returns the end of a word that stands at `at`, or 0 if something else does. */
// @ts-ignore: decorator
@inline
export function take(at: usize, word: usize): usize {
  const text = TEXTS + word * TEXT_BYTES;
  const low = (load<u64>(at) ^ load<u64>(text)) & load<u64>(text, 16);
  const high = (load<u64>(at, 8) ^ load<u64>(text, 8)) & load<u64>(text, 24);
  return low | high ? 0 : at + load<u32>(text, 32);
}

/** Copies `length` bytes; ranges do not overlap. Up to 8 bytes more are written. */
export function copy(to: usize, from: usize, length: usize): usize {
  if (length > 256) {
    memory.copy(to, from, length);
    return to + length;
  }
  for (let i: usize = 0; i < length; i += 8) store<u64>(to + i, load<u64>(from + i));
  return to + length;
}

/** Returns whether two ranges of one length hold the same bytes. */
export function same(a: usize, b: usize, length: usize): bool {
  let i: usize = 0;
  for (; i + 8 <= length; i += 8) if (load<u64>(a + i) != load<u64>(b + i)) return false;
  const rest = length - i;
  if (!rest) return true;
  return !((load<u64>(a + i) ^ load<u64>(b + i)) & (~(<u64>0) >> ((8 - rest) << 3)));
}

/** Writes a number in decimal. */
export function decimal(at: usize, value: u64): usize {
  let digits: usize = 1;
  for (let limit: u64 = 10; limit <= value; limit *= 10) {
    digits++;
    if (digits == 20) break; // 10^20 is more than 64 bits
  }
  const end = at + digits;
  let to = end;
  let rest = value;
  while (rest > <u64>u32.MAX_VALUE) {
    const next = rest / 10;
    store<u8>(--to, <u32>(rest - next * 10) + 0x30);
    rest = next;
  }
  let small = <u32>rest;
  do {
    const next = small / 10;
    store<u8>(--to, small - next * 10 + 0x30);
    small = next;
  } while (to > at);
  return end;
}

/** Writes two digits. `value` is below 100. */
// @ts-ignore: decorator
@inline
export function two(at: usize, value: u32): void {
  const tens = value / 10;
  store<u16>(at, (tens + 0x30) | ((value - tens * 10 + 0x30) << 8));
}
