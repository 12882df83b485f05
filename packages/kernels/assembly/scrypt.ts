/**
 * scryptROMix (RFC 7914, section 5) for two lanes at once, with SIMD. The caller lays out the memory; each 64-byte block
 * stands in the order of its diagonals (word i here is word 5i mod 16 of the RFC), so that four words move at a time.
 *
 * Salsa20/8 is one long chain of dependent steps: a second, independent lane fills the processor's units. Of the large
 * table only every second entry is kept, the others are made again when asked for: two lanes in the memory of one. So
 * the lanes do not keep step: each does what is next for it, both in one pass of `blockMixes`.
 */

const BLOCK: usize = 64;

/** x ^ ((a + b) <<< bits), lane by lane. */
// @ts-ignore: decorator
@inline
function turn(x: v128, a: v128, b: v128, bits: i32): v128 {
  const sum = i32x4.add(a, b);
  return v128.xor(v128.xor(x, i32x4.shl(sum, bits)), i32x4.shr_u(sum, 32 - bits));
}

/** Words of a vector moved up by one, two or three places, round. */
// @ts-ignore: decorator
@inline
function up1(x: v128): v128 {
  return i32x4.shuffle(x, x, 3, 0, 1, 2);
}
// @ts-ignore: decorator
@inline
function up2(x: v128): v128 {
  return i32x4.shuffle(x, x, 2, 3, 0, 1);
}
// @ts-ignore: decorator
@inline
function up3(x: v128): v128 {
  return i32x4.shuffle(x, x, 1, 2, 3, 0);
}

/** For each lane scryptBlockMix (RFC 7914, section 4) of `from` XOR `other` into `to`, apart from both; `size` bytes each. */
function blockMixes(
  aFrom: usize,
  aOther: usize,
  aTo: usize,
  bFrom: usize,
  bOther: usize,
  bTo: usize,
  size: usize,
): void {
  const last = size - BLOCK;
  let a0 = both(aFrom, aOther, last, 0);
  let a1 = both(aFrom, aOther, last, 16);
  let a2 = both(aFrom, aOther, last, 32);
  let a3 = both(aFrom, aOther, last, 48);
  let b0 = both(bFrom, bOther, last, 0);
  let b1 = both(bFrom, bOther, last, 16);
  let b2 = both(bFrom, bOther, last, 32);
  let b3 = both(bFrom, bOther, last, 48);
  const half = size >> 1;
  for (let at: usize = 0; at < size; at += BLOCK) {
    a0 = v128.xor(a0, both(aFrom, aOther, at, 0));
    a1 = v128.xor(a1, both(aFrom, aOther, at, 16));
    a2 = v128.xor(a2, both(aFrom, aOther, at, 32));
    a3 = v128.xor(a3, both(aFrom, aOther, at, 48));
    b0 = v128.xor(b0, both(bFrom, bOther, at, 0));
    b1 = v128.xor(b1, both(bFrom, bOther, at, 16));
    b2 = v128.xor(b2, both(bFrom, bOther, at, 32));
    b3 = v128.xor(b3, both(bFrom, bOther, at, 48));
    // Even blocks go to the first half, odd ones to the second.
    const out = (at & BLOCK ? half : 0) + ((at >> 7) << 6);
    // Kept in memory meanwhile: there are sixteen registers.
    keep(aTo + out, a0, a1, a2, a3);
    keep(bTo + out, b0, b1, b2, b3);
    for (let double = 0; double < 4; double++) {
      a1 = turn(a1, a0, a3, 7);
      b1 = turn(b1, b0, b3, 7);
      a2 = turn(a2, a1, a0, 9);
      b2 = turn(b2, b1, b0, 9);
      a3 = turn(a3, a2, a1, 13);
      b3 = turn(b3, b2, b1, 13);
      a0 = turn(a0, a3, a2, 18);
      b0 = turn(b0, b3, b2, 18);
      a1 = up1(a1);
      b1 = up1(b1);
      a2 = up2(a2);
      b2 = up2(b2);
      a3 = up3(a3);
      b3 = up3(b3);
      a3 = turn(a3, a0, a1, 7);
      b3 = turn(b3, b0, b1, 7);
      a2 = turn(a2, a3, a0, 9);
      b2 = turn(b2, b3, b0, 9);
      a1 = turn(a1, a2, a3, 13);
      b1 = turn(b1, b2, b3, 13);
      a0 = turn(a0, a1, a2, 18);
      b0 = turn(b0, b1, b2, 18);
      a1 = up3(a1);
      b1 = up3(b1);
      a2 = up2(a2);
      b2 = up2(b2);
      a3 = up1(a3);
      b3 = up1(b3);
    }
    a0 = i32x4.add(a0, v128.load(aTo + out));
    a1 = i32x4.add(a1, v128.load(aTo + out, 16));
    a2 = i32x4.add(a2, v128.load(aTo + out, 32));
    a3 = i32x4.add(a3, v128.load(aTo + out, 48));
    b0 = i32x4.add(b0, v128.load(bTo + out));
    b1 = i32x4.add(b1, v128.load(bTo + out, 16));
    b2 = i32x4.add(b2, v128.load(bTo + out, 32));
    b3 = i32x4.add(b3, v128.load(bTo + out, 48));
    keep(aTo + out, a0, a1, a2, a3);
    keep(bTo + out, b0, b1, b2, b3);
  }
}

// @ts-ignore: decorator
@inline
function both(a: usize, b: usize, at: usize, offset: usize): v128 {
  return v128.xor(v128.load(a + at + offset), v128.load(b + at + offset));
}

// @ts-ignore: decorator
@inline
function keep(at: usize, x0: v128, x1: v128, x2: v128, x3: v128): void {
  v128.store(at, x0);
  v128.store(at, x1, 16);
  v128.store(at, x2, 32);
  v128.store(at, x3, 48);
}

/** Integerify (RFC 7914, section 5) modulo `n`, a power of two: the number at the start of the last block. */
// @ts-ignore: decorator
@inline
function chosen(state: usize, size: usize, n: u32): u32 {
  return load<u32>(state + size - BLOCK) & (n - 1);
}

/** Where the lanes are between two calls of `walk`. */
let a: usize = 0;
let aSpare: usize = 0;
let b: usize = 0;
let bSpare: usize = 0;
let aLeft: u32 = 0;
let bLeft: u32 = 0;
let aReady: bool = false;
let bReady: bool = false;
/** Nobody needs it, but without a use there would be no loads in fetch(). */
export let touched: u32 = 0;

/**
 * Mixing two lanes of `size` = 128 r bytes at `state`, in place, is begin(), fill() for all of 0 up to n / 2, then walk() until
 * it returns 0; in as many calls as one likes. `scratch`: 5 * size bytes, the last `size` of them zero. `table`: size * n
 * bytes. `n` is even, a power of two. One pair of lanes at a time.
 */
export function begin(state: usize, scratch: usize, size: usize, n: u32): void {
  // The filling takes an even number of steps: both states are where they were.
  a = state;
  aSpare = scratch;
  b = state + size;
  bSpare = scratch + size;
  aLeft = n;
  bLeft = n;
  aReady = false;
  bReady = false;
}

/** Fills the entries `from` up to `to` of the table's halves, one half for each lane, with every second state. */
export function fill(state: usize, scratch: usize, table: usize, size: usize, n: u32, from: u32, to: u32): void {
  const zeros = scratch + 4 * size;
  for (let i = from; i < to; i++) {
    const kept = table + size * <usize>i;
    const bKept = kept + size * <usize>(n >> 1);
    memory.copy(kept, state, size);
    memory.copy(bKept, state + size, size);
    blockMixes(kept, zeros, scratch, bKept, zeros, scratch + size, size);
    blockMixes(scratch, zeros, state, scratch + size, zeros, state + size, size);
  }
}

/** Goes on through the table, `passes` steps at most of both lanes. Returns 0 when both are through. */
export function walk(scratch: usize, table: usize, size: usize, n: u32, passes: u32): u32 {
  const zeros = scratch + 4 * size;
  const aMade = scratch + 2 * size;
  const bMade = scratch + 3 * size;
  const bTable = table + size * <usize>(n >> 1);
  let fetched: u32 = 0;
  for (; passes && aLeft | bLeft; passes--) {
    const aIndex = chosen(a, size, n);
    const bIndex = chosen(b, size, n);
    const aMakes = aIndex & 1 && !aReady;
    const bMakes = bIndex & 1 && !bReady;
    const aKept = table + size * <usize>(aIndex >> 1);
    const bKept = bTable + size * <usize>(bIndex >> 1);
    fetched |= fetch(aKept, size) | fetch(bKept, size);
    blockMixes(
      aMakes ? aKept : a,
      aMakes ? zeros : aReady ? aMade : aKept,
      aMakes ? aMade : aSpare,
      bMakes ? bKept : b,
      bMakes ? zeros : bReady ? bMade : bKept,
      bMakes ? bMade : bSpare,
      size,
    );
    aReady = <bool>aMakes;
    bReady = <bool>bMakes;
    // A lane that is through goes on into its spare state, which nobody looks at.
    if (aLeft && !aMakes) {
      const done = aSpare;
      aSpare = a;
      a = done;
      aLeft--;
    }
    if (bLeft && !bMakes) {
      const done = bSpare;
      bSpare = b;
      b = done;
      bLeft--;
    }
  }
  touched = fetched;
  return aLeft | bLeft;
}

/** Asks for all cache lines of a kept entry at once, instead of for each when its turn comes: 5 % of the time. */
// @ts-ignore: decorator
@inline
function fetch(entry: usize, size: usize): u32 {
  let loaded: u32 = 0;
  for (let at = entry; at < entry + size; at += BLOCK) loaded |= load<u32>(at);
  return loaded;
}
