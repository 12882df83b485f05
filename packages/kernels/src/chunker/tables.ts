/**
 * Tables of the rolling fingerprint, after restic/chunker ("fillTables").
 * digest' = (digest * x^8 + new byte - leaving byte * x^512) mod p, all over GF(2).
 */

import { DEGREE, modulo } from './polynomial.ts';

/** A byte leaves the window when 64 further ones have pushed it up by 8 bits each. */
const LEAVING_SHIFT = 8n * 64n;

export interface Tables {
  /** leaving[b] = b * x^512 mod p: what a byte has become when 64 further bytes were appended. */
  readonly leaving: BigUint64Array;
  /** reduce[t] = t * x^53 mod p, with t << 53 on top so that one XOR also clears the overflow. */
  readonly reduce: BigUint64Array;
}

/** Returns the tables for `polynomial` (degree 53), 256 entries each. */
export function makeTables(polynomial: bigint): Tables {
  const leaving = new BigUint64Array(256);
  const reduce = new BigUint64Array(256);
  const xToLeaving = modulo(1n << LEAVING_SHIFT, polynomial);
  for (let bit = 0; bit < 8; bit++) {
    const byte = 1 << bit;
    const overflow = 1n << BigInt(DEGREE + bit);
    leaving[byte] = modulo(xToLeaving << BigInt(bit), polynomial);
    reduce[byte] = modulo(overflow, polynomial) | overflow;
    // Both are linear: what two bytes add up to is what their entries add up to.
    for (let rest = 1; rest < byte; rest++) {
      leaving[byte | rest] = leaving[byte]! ^ leaving[rest]!;
      reduce[byte | rest] = reduce[byte]! ^ reduce[rest]!;
    }
  }
  return { leaving, reduce };
}

function timesByte(factor: bigint, byte: bigint, polynomial: bigint): bigint {
  let product = 0n;
  for (let i = 0n; i < 8n; i++) if ((byte >> i) & 1n) product ^= factor << i;
  return modulo(product, polynomial);
}

/** Returns the map of a byte to byte * x^(power + 3) modulo p * x^3: seven bytes. */
function shiftedImage(power: bigint, polynomial: bigint): (byte: bigint) => bigint {
  // Modulo p * x^3: x^(n + 3) mod p * x^3 is (x^n mod p) * x^3.
  const factor = modulo(1n << power, polynomial);
  return (byte) => timesByte(factor, byte, polynomial) << 3n;
}

/**
 * The tables of assembly/scan-simd.ts: the low and high nibble of a byte that falls out at the top (times x^56), then of
 * a byte that leaves the window (times x^515), all modulo p * x^3; for each the seven bytes of the result, 16 entries each.
 */
export function makeNibbleTables(polynomial: bigint): Uint8Array {
  const powers = [53n, 57n, LEAVING_SHIFT, LEAVING_SHIFT + 4n];
  const tables = new Uint8Array(powers.length * 7 * 16);
  powers.forEach((power, group) => {
    const imageOf = shiftedImage(power, polynomial);
    for (let nibble = 0; nibble < 16; nibble++) {
      const image = imageOf(BigInt(nibble));
      for (let byte = 0; byte < 7; byte++) {
        tables[(group * 7 + byte) * 16 + nibble] = Number((image >> BigInt(8 * byte)) & 0xffn);
      }
    }
  });
  return tables;
}

/**
 * The matrices of machine/scan.ts, of eight bytes each: for the seven bytes of the fingerprint what they take from the byte that
 * falls out at the top (times x^56), then from the one that leaves the window (times x^515), all modulo p * x^3; and what the
 * lowest two take from the one that enters (times x^3).
 */
export function makeMatrices(polynomial: bigint): Uint8Array {
  return Uint8Array.from([
    ...matrices(shiftedImage(53n, polynomial), 7),
    ...matrices(shiftedImage(LEAVING_SHIFT, polynomial), 7),
    ...matrices((byte) => byte << 3n, 2),
  ]);
}

/**
 * The lowest `bytes` bytes of a linear image, each as GF2P8AFFINEQB wants it: row for bit i is byte 7 - i, its bit j being what
 * bit j adds.
 */
function matrices(image: (byte: bigint) => bigint, bytes: number): number[] {
  const rows = new Array<number>(8 * bytes).fill(0);
  for (let j = 0; j < 8; j++) {
    const column = image(1n << BigInt(j));
    for (let bit = 0; bit < 8 * bytes; bit++) {
      rows[(bit | 7) - (bit & 7)]! |= Number((column >> BigInt(bit)) & 1n) << j;
    }
  }
  return rows;
}
