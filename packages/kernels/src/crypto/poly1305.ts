/**
 * Poly1305 in plain TypeScript (RFC 8439 section 2.5): the fallback where libcrypto cannot be called. About 2 ns a byte.
 * Numbers modulo 2^130 - 5 are six limbs of 22 bits in doubles: a sum of six products, times 20 for what wraps round
 * at 2^132, stays below 2^52, so that every double is exact. Carries round to the nearest, so limbs may be negative
 * until the end. No branch and no index depends on a secret.
 */

const BITS = 22;
const RADIX = 2 ** BITS;
const LIMB = RADIX - 1;
const PER_LIMB = 1 / RADIX;
/**
 * Adding and subtracting this rounds a double to a multiple of RADIX: at its size, the last bit of a double is 2^22.
 * It takes half the time of Math.floor.
 */
const ROUND = 1.5 * 2 ** 52 * RADIX;
const BLOCK = 16;
/** 2^132 = 4 * 2^130, which is 4 * 5 modulo 2^130 - 5. */
const WRAP = 20;

/** Returns the 16-byte tag of `message` under the one-time key `r` (clamped here) and `s`, 16 bytes each. */
export function poly1305(message: Uint8Array, r: Uint8Array, s: Uint8Array): Uint8Array {
  const multiplier = limbs(clamp(r));
  const whole = message.length - (message.length % BLOCK);
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  // Bit 128 marks a whole block: bit 18 of the limb that begins at bit 110.
  let sum = absorb([0, 0, 0, 0, 0, 0], multiplier, view, whole, 1 << 18);
  // A short block has its mark inside, right behind its last byte.
  if (whole < message.length) sum = absorb(sum, multiplier, lastBlock(message, whole), BLOCK, 0);
  return finish(sum, s);
}

type Limbs = [number, number, number, number, number, number];

/** Returns (sum + block) * r for each block of the first `end` bytes in turn. */
function absorb(sum: Limbs, r: Limbs, view: DataView, end: number, mark: number): Limbs {
  const [r0, r1, r2, r3, r4, r5] = r;
  const [q1, q2, q3, q4, q5] = [r1 * WRAP, r2 * WRAP, r3 * WRAP, r4 * WRAP, r5 * WRAP];
  let [h0, h1, h2, h3, h4, h5] = sum;
  for (let at = 0; at < end; at += BLOCK) {
    const w0 = view.getUint32(at, true);
    const w1 = view.getUint32(at + 4, true);
    const w2 = view.getUint32(at + 8, true);
    const w3 = view.getUint32(at + 12, true);
    h0 += w0 & LIMB;
    h1 += ((w0 >>> 22) | (w1 << 10)) & LIMB;
    h2 += ((w1 >>> 12) | (w2 << 20)) & LIMB;
    h3 += (w2 >>> 2) & LIMB;
    h4 += ((w2 >>> 24) | (w3 << 8)) & LIMB;
    h5 += (w3 >>> 14) | mark;

    const d0 = h0 * r0 + h1 * q5 + h2 * q4 + h3 * q3 + h4 * q2 + h5 * q1;
    let d1 = h0 * r1 + h1 * r0 + h2 * q5 + h3 * q4 + h4 * q3 + h5 * q2;
    let d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * q5 + h4 * q4 + h5 * q3;
    let d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * q5 + h5 * q4;
    let d4 = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0 + h5 * q5;
    let d5 = h0 * r5 + h1 * r4 + h2 * r3 + h3 * r2 + h4 * r1 + h5 * r0;

    let carry = d0 + ROUND - ROUND;
    h0 = d0 - carry;
    d1 += carry * PER_LIMB;
    carry = d1 + ROUND - ROUND;
    h1 = d1 - carry;
    d2 += carry * PER_LIMB;
    carry = d2 + ROUND - ROUND;
    h2 = d2 - carry;
    d3 += carry * PER_LIMB;
    carry = d3 + ROUND - ROUND;
    h3 = d3 - carry;
    d4 += carry * PER_LIMB;
    carry = d4 + ROUND - ROUND;
    h4 = d4 - carry;
    d5 += carry * PER_LIMB;
    carry = d5 + ROUND - ROUND;
    h5 = d5 - carry;
    // What wraps round may be as large as 2^35: one more step, and h1 is at most a little above its 22 bits.
    h0 += carry * PER_LIMB * WRAP;
    carry = h0 + ROUND - ROUND;
    h0 -= carry;
    h1 += carry * PER_LIMB;
  }
  return [h0, h1, h2, h3, h4, h5];
}

/** RFC 8439 section 2.5: the top four bits of bytes 3, 7, 11, 15 and the low two of bytes 4, 8, 12 of r are clear. */
function clamp(r: Uint8Array): Uint8Array {
  const clamped = new Uint8Array(r); // slice() of a Buffer would be a view
  for (const i of [3, 7, 11, 15]) clamped[i]! &= 0x0f;
  for (const i of [4, 8, 12]) clamped[i]! &= 0xfc;
  return clamped;
}

function lastBlock(message: Uint8Array, from: number): DataView {
  const block = new Uint8Array(BLOCK);
  block.set(message.subarray(from));
  block[message.length - from] = 1;
  return new DataView(block.buffer);
}

function limbs(bytes: Uint8Array): Limbs {
  const view = new DataView(bytes.buffer, bytes.byteOffset, BLOCK);
  const [w0, w1, w2, w3] = [0, 4, 8, 12].map((at) => view.getUint32(at, true)) as [number, number, number, number];
  return [
    w0 & LIMB,
    ((w0 >>> 22) | (w1 << 10)) & LIMB,
    ((w1 >>> 12) | (w2 << 20)) & LIMB,
    (w2 >>> 2) & LIMB,
    ((w2 >>> 24) | (w3 << 8)) & LIMB,
    w3 >>> 14,
  ];
}

/** Returns (h mod 2^130 - 5) + s mod 2^128, little-endian. */
function finish(h: Limbs, s: Uint8Array): Uint8Array {
  // The first pass makes every limb positive, its wrapped carry may ripple through all of them again, and once more.
  for (let pass = 0; pass < 3; pass++) {
    let carry = 0;
    for (let i = 0; i < 6; i++) {
      const sum = h[i]! + carry;
      carry = Math.floor(sum / RADIX);
      h[i] = sum - carry * RADIX;
    }
    h[0] += carry * WRAP + (h[5] >>> 20) * 5; // bits from 130 on wrap round as 5
    h[5] &= 0xf_ffff;
  }
  // h may still be one modulus too large: g = h + 5 tells by its bit 130.
  const g = h.slice() as Limbs;
  g[0] += 5;
  for (let i = 0; i < 5; i++) {
    g[i + 1]! += g[i]! >>> BITS;
    g[i]! &= LIMB;
    h[i + 1]! += h[i]! >>> BITS;
    h[i]! &= LIMB;
  }
  const useG = -(g[5] >>> 20);
  const [x0, x1, x2, x3, x4, x5] = h.map((limb, i) => (limb & ~useG) | (g[i]! & useG)) as Limbs;

  const words = [
    x0 | (x1 << 22),
    (x1 >>> 10) | (x2 << 12),
    (x2 >>> 20) | (x3 << 2) | (x4 << 24),
    (x4 >>> 8) | (x5 << 14),
  ];
  const key = new DataView(s.buffer, s.byteOffset, BLOCK);
  const tag = new DataView(new ArrayBuffer(BLOCK));
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    sum = (words[i]! >>> 0) + key.getUint32(4 * i, true) + Math.floor(sum / 2 ** 32);
    tag.setUint32(4 * i, sum % 2 ** 32, true);
  }
  return new Uint8Array(tag.buffer);
}
