/**
 * Tables of the rolling fingerprint, after restic/chunker ("fillTables").
 * digest' = (digest * x^8 + new byte - leaving byte * x^512) mod p, all over GF(2).
 */

import { DEGREE, modulo } from './polynomial.ts';

/** Byte offsets of a byte's last trip through the window: it leaves after 64 shifts of 8 bits. */
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
  for (let b = 0; b < 256; b++) {
    const byte = BigInt(b);
    leaving[b] = timesByte(xToLeaving, byte, polynomial);
    const overflow = byte << BigInt(DEGREE);
    reduce[b] = modulo(overflow, polynomial) | overflow;
  }
  return { leaving, reduce };
}

function timesByte(factor: bigint, byte: bigint, polynomial: bigint): bigint {
  let product = 0n;
  for (let i = 0n; i < 8n; i++) if ((byte >> i) & 1n) product ^= factor << i;
  return modulo(product, polynomial);
}
