/**
 * The chunk scan without SIMD: LANES interleaved stretches of the same memory.
 *
 * A rolling fingerprint is one long chain of dependent steps; several independent chains fill the processor's
 * units. Each lane warms up on the 64 bytes before its stretch, so that the result is the one of a single pass.
 */

import { digestBefore, firstInLane, isHit, slide, WINDOW } from './lane';

export { hitsClose } from './lane';

/** Bytes that each lane tests in one block; 64 more are its warm-up. */
const STRETCH: usize = 4096;
const LANES: usize = 4;

/** Returns the first position p in (from, to] where the bytes before p make a cut, or 0. */
export function first(from: usize, to: usize): usize {
  let at = from;
  while (to - at >= LANES * STRETCH) {
    const hit = firstInBlock(at);
    if (hit) return hit;
    at += LANES * STRETCH;
  }
  return at < to ? firstInLane(at, to) : 0;
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
    if (isHit(d0)) return at + WINDOW + 1;
    if (isHit(d1)) best = min(best, at + WINDOW + 1 + STRETCH);
    if (isHit(d2)) best = min(best, at + WINDOW + 1 + 2 * STRETCH);
    if (isHit(d3)) best = min(best, at + WINDOW + 1 + 3 * STRETCH);
  }
  return best == usize.MAX_VALUE ? 0 : best;
}
