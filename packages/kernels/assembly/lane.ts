/**
 * One lane of the chunk scan: the 64-byte Rabin fingerprint of restic/chunker, byte by byte.
 *
 * Memory: tables of 256 u64 at LEAVING and REDUCE (see src/chunker/tables.ts), the caller's bytes from 64 KiB on.
 * No static data, no heap, no imports. Positions are addresses of this memory.
 */

export const WINDOW: usize = 64;

const LEAVING: usize = 1024;
const REDUCE: usize = LEAVING + 2048;
/** A cut lies where these bits of the fingerprint are zero. */
const MASK: u32 = 0xfffff;

// @ts-ignore: decorator
@inline
export function isHit(digest: u64): bool {
  return !(<u32>digest & MASK);
}

// @ts-ignore: decorator
@inline
function push(digest: u64, byte: u64): u64 {
  // Bits 45 to 52, times the 8 bytes of an entry.
  const top = <usize>(<u32>(digest >> 42) & 0x7f8);
  return ((digest << 8) | byte) ^ load<u64>(top, REDUCE);
}

/** The fingerprint one byte on. */
// @ts-ignore: decorator
@inline
export function slide(digest: u64, leaving: usize, entering: u64): u64 {
  return push(digest, entering) ^ load<u64>(leaving << 3, LEAVING);
}

/** Returns the fingerprint of the 64 bytes before `at`. */
export function digestBefore(at: usize): u64 {
  let digest: u64 = 0;
  for (let p = at - WINDOW; p < at; p++) digest = push(digest, load<u8>(p));
  return digest;
}

/** Returns the first hit p in (from, to], or 0. */
export function firstInLane(from: usize, to: usize): usize {
  let digest = digestBefore(from);
  const end = to - WINDOW;
  for (let at = from - WINDOW; at < end; at++) {
    digest = slide(digest, load<u8>(at), load<u8>(at, WINDOW));
    if (isHit(digest)) return at + WINDOW + 1;
  }
  return 0;
}

/**
 * Writes the hits after `from` to `out`, as u32 less `origin`, as long as they come within 64 positions of the last
 * (in zeros every position is one), up to `to` and until there are `max`; returns their count.
 */
export function hitsClose(from: usize, to: usize, origin: usize, out: usize, max: u32): u32 {
  let count: u32 = 0;
  let digest = digestBefore(from);
  let quiet: usize = 0;
  for (let at = from; at < to && count < max && quiet < WINDOW; at++) {
    digest = slide(digest, load<u8>(at - WINDOW), load<u8>(at));
    quiet++;
    if (!isHit(digest)) continue;
    store<u32>(out + (<usize>count << 2), <u32>(at + 1 - origin));
    count++;
    quiet = 0;
  }
  return count;
}
