/**
 * The chunk scan with SIMD: the fingerprint on 16 stretches at once, one in each byte lane.
 *
 * The digest d (53 bits) is kept as e = d * x^3, seven vectors of bytes e0 to e6, modulo p * x^3 (degree 56). Then a
 * step by one byte moves whole vectors: e6 falls out at the top and comes back as e6 * x^56 mod p * x^3; the byte that
 * leaves the window is cancelled by byte * x^515 mod p * x^3. Both are linear over GF(2), so a byte's image is the XOR
 * of the images of its two nibbles, and a nibble's image is one byte shuffle of a 16-byte table, for each of the seven
 * bytes of the result. The 20 bits under the mask are bits 3 to 22 of e: the test is exact.
 *
 * Compiled twice. WebAssembly's own byte shuffle clears out-of-range lanes, which costs x86 two more instructions each
 * time and makes this slower than scan.ts there; the relaxed one does not (indices here are always in range).
 *
 * Bytes are brought into lane order 16 x 16 at a time: four rounds of interleaving turn rows into columns.
 *
 * Memory: as for lane.ts, and the nibble tables at NIBBLES (see src/chunker/tables.ts).
 */

import { firstInLane, WINDOW } from './lane';

export { hitsClose } from './lane';

/** Four groups of seven 16-byte tables: low and high nibble of the byte at the top, of the byte that leaves. */
const NIBBLES: usize = 5120;
const GROUP: usize = 7 * 16;

/** One square between the two halves of its transposition. */
const SQUARE: usize = 6144;
/** Bytes in lane order: 64 columns of window before the stretches, then the stretches. */
const COLUMNS: usize = 8192;
const LANES: usize = 16;
const STRETCH: usize = 1024;

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

// @ts-ignore: decorator
@inline
function lookUp(table: usize, nibbles: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD
    ? i8x16.relaxed_swizzle(v128.load(table), nibbles)
    : v128.swizzle(v128.load(table), nibbles);
}

// @ts-ignore: decorator
@inline
function image(low: v128, high: v128, group: usize, byte: usize): v128 {
  return v128.xor(
    lookUp(NIBBLES + group * GROUP + byte * 16, low),
    lookUp(NIBBLES + (group + 1) * GROUP + byte * 16, high),
  );
}

/** As `first` for the LANES * STRETCH positions after `from`. */
function firstInBlock(from: usize): usize {
  for (let i: usize = 0; i < STRETCH + WINDOW; i += 16) transpose(from - WINDOW + i, COLUMNS + i * LANES);

  const nibble = i8x16.splat(0x0f);
  const zero = i8x16.splat(0);
  let e0 = zero, e1 = zero, e2 = zero, e3 = zero, e4 = zero, e5 = zero, e6 = zero;
  let best: usize = usize.MAX_VALUE;

  for (let at: usize = COLUMNS; at < COLUMNS + WINDOW * LANES; at += LANES) {
    const byte = v128.load(at);
    const low = v128.and(e6, nibble);
    const high = v128.and(v128.shr<u16>(e6, 4), nibble);
    e6 = v128.xor(e5, image(low, high, 0, 6));
    e5 = v128.xor(e4, image(low, high, 0, 5));
    e4 = v128.xor(e3, image(low, high, 0, 4));
    e3 = v128.xor(e2, image(low, high, 0, 3));
    e2 = v128.xor(e1, image(low, high, 0, 2));
    e1 = v128.xor(v128.xor(e0, v128.shr<u8>(byte, 5)), image(low, high, 0, 1));
    e0 = v128.xor(v128.shl<u8>(byte, 3), image(low, high, 0, 0));
  }

  for (let at: usize = COLUMNS; at < COLUMNS + STRETCH * LANES; at += LANES) {
    const leaving = v128.load(at);
    const byte = v128.load(at, WINDOW * LANES);
    const low = v128.and(e6, nibble);
    const high = v128.and(v128.shr<u16>(e6, 4), nibble);
    const goneLow = v128.and(leaving, nibble);
    const goneHigh = v128.and(v128.shr<u16>(leaving, 4), nibble);
    e6 = v128.xor(v128.xor(e5, image(low, high, 0, 6)), image(goneLow, goneHigh, 2, 6));
    e5 = v128.xor(v128.xor(e4, image(low, high, 0, 5)), image(goneLow, goneHigh, 2, 5));
    e4 = v128.xor(v128.xor(e3, image(low, high, 0, 4)), image(goneLow, goneHigh, 2, 4));
    e3 = v128.xor(v128.xor(e2, image(low, high, 0, 3)), image(goneLow, goneHigh, 2, 3));
    e2 = v128.xor(v128.xor(e1, image(low, high, 0, 2)), image(goneLow, goneHigh, 2, 2));
    e1 = v128.xor(
      v128.xor(v128.xor(e0, v128.shr<u8>(byte, 5)), image(low, high, 0, 1)),
      image(goneLow, goneHigh, 2, 1),
    );
    e0 = v128.xor(v128.xor(v128.shl<u8>(byte, 3), image(low, high, 0, 0)), image(goneLow, goneHigh, 2, 0));

    // Bits 3 to 22 of e: the high five of e0, all of e1, the low seven of e2.
    const masked = v128.or(
      v128.or(v128.and(e0, i8x16.splat(<i8>0xf8)), e1),
      v128.and(e2, i8x16.splat(0x7f)),
    );
    if (v128.all_true<u8>(masked)) continue;
    const lanes = v128.bitmask<u8>(v128.eq<u8>(masked, zero));
    const lane = <usize>ctz(lanes);
    best = min(best, from + lane * STRETCH + (at - COLUMNS) / LANES + 1);
    // A hit in the first lane is the first of all; the others must wait for the lanes before them.
    if (lane == 0) break;
  }
  return best == usize.MAX_VALUE ? 0 : best;
}

/** Writes byte j of the 16 stretches, at `from` + j, as 16 bytes at `to` + 16 j, for j from 0 to 15. */
function transpose(from: usize, to: usize): void {
  for (let i: usize = 0; i < 4; i++) twoRounds(from + i * STRETCH, 4 * STRETCH, SQUARE + i * 64);
  for (let i: usize = 0; i < 4; i++) twoRounds(SQUARE + i * 16, 64, to + i * 64);
}

/**
 * One round of a transposition interleaves row i with row i + 8 into rows 2 i and 2 i + 1: the bits of (row, column)
 * rotate by one place, and after four rounds they have changed places. Two rounds take rows i, i + 4, i + 8 and i + 12
 * to rows 4 i to 4 i + 3.
 */
// @ts-ignore: decorator
@inline
function twoRounds(from: usize, apart: usize, to: usize): void {
  const a = v128.load(from), b = v128.load(from + apart);
  const c = v128.load(from + 2 * apart), d = v128.load(from + 3 * apart);
  const p = interleaveLow(a, c), q = interleaveHigh(a, c);
  const r = interleaveLow(b, d), s = interleaveHigh(b, d);
  v128.store(to, interleaveLow(p, r));
  v128.store(to + 16, interleaveHigh(p, r));
  v128.store(to + 32, interleaveLow(q, s));
  v128.store(to + 48, interleaveHigh(q, s));
}

// @ts-ignore: decorator
@inline
function interleaveLow(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

// @ts-ignore: decorator
@inline
function interleaveHigh(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
