/** The memory that scan.ts, its two kinds of vectors and their caller share. Offsets in bytes; it begins at a page. */

/** Steps between two transpositions: a square of so many columns. Also the window. */
export const COLUMNS = 64;
/** Most bytes of a stretch. No power of two, so that the lanes' lines do not fall on each other in the first cache. */
export const STRETCH: number = 17 * COLUMNS;
/** Bytes behind the end of what is scanned that may be read, for a kind with so many lanes. */
export const readBehind = (lanes: number): number => lanes * COLUMNS;

/**
 * GFNI: matrices over GF(2), eight bytes each: what each byte of the fingerprint takes from the byte that falls out at its top,
 */
export const TOP = 0;
/** what it takes from the byte that leaves the window, */
export const LEAVING: number = TOP + 7 * 8;
/** and what its lowest two bytes take from the byte that enters. */
export const ENTERING: number = LEAVING + 7 * 8;

/** AVX2: tables of 16 bytes, in the order of src/chunker/tables.ts: seven each for the low and high nibbles of both bytes. */
export const NIBBLES = 0;
export const NIBBLE_TABLE = 16;

/** A mask stands in memory so many times. */
export const MASK_BYTES = 32;
/** Which bits of the lowest and of the third byte must be zero at a cut; of the second, all. */
export const MASK_0 = 512;
export const MASK_2: number = MASK_0 + MASK_BYTES;
/** The low nibble of a byte, and its low three bits. */
export const LOW_4: number = MASK_2 + MASK_BYTES;
export const LOW_3: number = LOW_4 + MASK_BYTES;

/** Working memory: the fingerprint, seven vectors; half a transposition; and two squares of columns. */
export const DIGEST = 1024;
export const HALF_SQUARE: number = DIGEST + 7 * 64;
export const SQUARES = 2048;
export const memoryBytes = (lanes: number): number => SQUARES + 2 * lanes * COLUMNS;
