/**
 * Names of a directory: from records of getdents64(2) to NUL-ended names in ascending order of their bytes, and from those
 * to the paths of one slice.
 */

import { copy } from './tree-text';

const RECORD_LENGTH: usize = 16;
const RECORD_NAME: usize = 19;

/** Addresses of the names of a slice. */
const NAME_AT: usize = 32_768;

let namesKept: u32 = 0;

/** The number of names that sortNames() packed last. */
export function sortedNames(): u32 {
  return namesKept;
}

/**
 * Sorts the names of the records in [from, to) without `.`, `..` and repetitions, and packs them at `out`, a NUL after
 * each; returns where they end. `keys` has room for two keys of 16 bytes for each record.
 */
export function sortNames(from: usize, to: usize, keys: usize, out: usize): usize {
  let count: usize = 0;
  for (let at = from; at < to; at += load<u16>(at, RECORD_LENGTH)) {
    const name = at + RECORD_NAME;
    if (isDotOrDotDot(name)) continue;
    store<u64>(keys + (count << 4), firstBytes(name));
    store<u32>(keys + (count << 4), name, 8);
    count++;
  }
  const sorted = mergeSort(keys, keys + (count << 4), count);
  let end = out;
  let last: usize = 0;
  namesKept = 0;
  for (let i: usize = 0; i < count; i++) {
    const name = <usize>load<u32>(sorted + (i << 4), 8);
    // A directory that changes while it is listed may show a name twice.
    if (last && compare(last, name) == 0) continue;
    last = name;
    namesKept++;
    end = copyName(end, name);
  }
  return end;
}

/**
 * Spreads up to `count` packed names from `at`, each behind the `length` bytes of `prefix`, over the memory at `out`, and
 * fills the column of names. Returns where the packed names go on.
 */
export function spreadNames(at: usize, count: u32, prefix: usize, length: usize, out: usize): usize {
  for (let i: u32 = 0; i < count; i++) {
    out = copy(out, prefix, length);
    store<u32>(NAME_AT + (<usize>i << 2), out);
    const end = copyName(out, at);
    at += end - out;
    out = end;
  }
  return at;
}

/** Copies a name with its NUL and returns the end of the copy. */
function copyName(to: usize, name: usize): usize {
  let code: u8;
  do {
    code = load<u8>(name++);
    store<u8>(to++, code);
  } while (code);
  return to;
}

function isDotOrDotDot(name: usize): bool {
  if (load<u8>(name) != 0x2e) return false;
  return load<u8>(name, 1) == 0 || (load<u8>(name, 1) == 0x2e && load<u8>(name, 2) == 0);
}

/** The first 8 bytes of a name, zeros after its end, so that their order is that of the names. */
function firstBytes(name: usize): u64 {
  const text = bswap<u64>(load<u64>(name));
  for (let i: u64 = 0; i < 8; i++) {
    const shift = 56 - (i << 3);
    if (!((text >> shift) & 0xff)) return (text >> shift) << shift;
  }
  return text;
}

/** As strcmp(3). */
function compare(a: usize, b: usize): i32 {
  while (load<u8>(a) && load<u8>(a) == load<u8>(b)) {
    a++;
    b++;
  }
  return <i32>load<u8>(a) - <i32>load<u8>(b);
}

// @ts-ignore: decorator
@inline
function isAbove(a: usize, b: usize): bool {
  const x = load<u64>(a);
  const y = load<u64>(b);
  return x == y ? compare(load<u32>(a, 8), load<u32>(b, 8)) > 0 : x > y;
}

/** Sorts keys from the bottom up, between two rows of them; returns the row that holds the result. */
function mergeSort(keys: usize, spare: usize, count: usize): usize {
  const end = count << 4;
  for (let width: usize = 16; width < end; width <<= 1) {
    for (let start: usize = 0; start < end; start += width << 1) {
      const middle = min(start + width, end);
      const stop = min(middle + width, end);
      let a = start;
      let b = middle;
      for (let to = start; to < stop; to += 16) {
        const takeB = b < stop && (a >= middle || isAbove(keys + a, keys + b));
        const from = keys + (takeB ? b : a);
        store<u64>(spare + to, load<u64>(from));
        store<u64>(spare + to, load<u64>(from, 8), 8);
        if (takeB) b += 16;
        else a += 16;
      }
    }
    const row = keys;
    keys = spare;
    spare = row;
  }
  return keys;
}
