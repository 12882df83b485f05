/**
 * The chunk scan, scalar: the 64-byte Rabin fingerprint on LANES interleaved stretches of the same memory.
 *
 * A rolling fingerprint is one long chain of dependent steps; several independent chains fill the processor's
 * units. Each lane warms up on the 64 bytes before its stretch, so that the result is the one of a single pass.
 *
 * Memory: tables of 256 u64 at LEAVING and REDUCE (see src/chunker/tables.ts), the caller's bytes from 64 KiB on.
 * No static data, no heap, no imports.
 */

const LEAVING: usize = 1024;
const REDUCE: usize = LEAVING + 2048;
const MASK: u32 = 0xfffff;
const WINDOW: usize = 64;

/** Bytes that each lane tests in one block; 64 more are its warm-up. */
const STRETCH: usize = 4096;
const LANES: usize = 4;

// @ts-ignore: decorator
@inline
function push(digest: u64, byte: u64): u64 {
  return ((digest << 8) | byte) ^ load<u64>(<usize>(digest >> 45) << 3, REDUCE);
}

// @ts-ignore: decorator
@inline
function slide(digest: u64, leaving: usize, entering: u64): u64 {
  return push(digest, entering) ^ load<u64>(leaving << 3, LEAVING);
}

/** Returns the fingerprint of the 64 bytes before `at`. */
function digestBefore(at: usize): u64 {
  let digest: u64 = 0;
  for (let p = at - WINDOW; p < at; p++) digest = push(digest, load<u8>(p));
  return digest;
}

/**
 * Returns the first position p in (from, to] where the fingerprint of the 64 bytes before p has no bit under the
 * mask, or 0. Positions are addresses of this memory.
 */
export function first(from: usize, to: usize): usize {
  let at = from;
  while (to - at >= LANES * STRETCH) {
    const hit = firstInBlock(at);
    if (hit) return hit;
    at += LANES * STRETCH;
  }
  return at < to ? firstInLane(at, to) : 0;
}

function firstInLane(from: usize, to: usize): usize {
  let digest = digestBefore(from);
  const end = to - WINDOW;
  for (let at = from - WINDOW; at < end; at++) {
    digest = slide(digest, load<u8>(at), load<u8>(at, WINDOW));
    if (!(<u32>digest & MASK)) return at + WINDOW + 1;
  }
  return 0;
}

/** As `first` for the LANES * STRETCH positions after `from`. */
function firstInBlock(from: usize): usize {
  let d0 = digestBefore(from);
  let d1 = digestBefore(from + STRETCH);
  let d2 = digestBefore(from + 2 * STRETCH);
  let d3 = digestBefore(from + 3 * STRETCH);
  let best: usize = usize.MAX_VALUE;
  const end = from - WINDOW + STRETCH;
  for (let at = from - WINDOW; at < end; at++) {
    d0 = slide(d0, load<u8>(at), load<u8>(at, WINDOW));
    d1 = slide(d1, load<u8>(at, STRETCH), load<u8>(at, STRETCH + WINDOW));
    d2 = slide(d2, load<u8>(at, 2 * STRETCH), load<u8>(at, 2 * STRETCH + WINDOW));
    d3 = slide(d3, load<u8>(at, 3 * STRETCH), load<u8>(at, 3 * STRETCH + WINDOW));
    // A hit in the first lane is the first of all; the others must wait for the lanes before them.
    if (!(<u32>d0 & MASK)) return at + WINDOW + 1;
    if (!(<u32>d1 & MASK)) best = min(best, at + WINDOW + 1 + STRETCH);
    if (!(<u32>d2 & MASK)) best = min(best, at + WINDOW + 1 + 2 * STRETCH);
    if (!(<u32>d3 & MASK)) best = min(best, at + WINDOW + 1 + 3 * STRETCH);
  }
  return best == usize.MAX_VALUE ? 0 : best;
}

/**
 * Writes the positions p in (from, to] that `first` would find one after the other to `out`, as u32 less `origin`,
 * until there are `max`; returns their count. After a hit it goes on in one lane while hits come close together.
 */
export function all(from: usize, to: usize, origin: usize, out: usize, max: u32): u32 {
  let count: u32 = 0;
  let at = from;
  while (count < max && at < to) {
    const hit = first(at, to);
    if (!hit) break;
    store<u32>(out + (<usize>count << 2), <u32>(hit - origin));
    count++;
    at = hit;
    let digest = digestBefore(at);
    for (let quiet: usize = 0; quiet < WINDOW && at < to && count < max; quiet++) {
      digest = slide(digest, load<u8>(at - WINDOW), load<u8>(at));
      at++;
      if (<u32>digest & MASK) continue;
      store<u32>(out + (<usize>count << 2), <u32>(at - origin));
      count++;
      quiet = 0;
    }
  }
  return count;
}
