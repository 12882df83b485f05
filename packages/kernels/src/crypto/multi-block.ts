/**
 * The memory that libcrypto's sha256_multi_block() works on: eight words of eight lanes, word w of lane l at 8 w + l, then address and
 * number of blocks of each lane. Offsets in bytes. Source: crypto/sha/asm/sha256-mb-x86_64.pl of OpenSSL 3.0.
 */
import { put64 } from '../memory.ts';

/** It wants room for eight lanes, of which two share a SHA unit. */
export const LANES = 8;
export const INPUTS: number = 4 * 8 * LANES;
export const SHARED_BYTES: number = INPUTS + 16 * LANES;
/** Says "four lanes", the fewest; those without blocks cost nothing. */
export const FOUR_LANES = 1;

/** Writes the input of a lane to the memory that begins at word `set` of `words`. */
export function putInput(
  words: Int32Array | Uint32Array,
  set: number,
  lane: number,
  address: number,
  blocks: number,
): void {
  const at = set + INPUTS / 4 + 4 * lane;
  put64(words, at, address);
  words[at + 2] = blocks;
}
