/** The memory that scan.ts and its caller share. Offsets in bytes; it begins at a multiple of 64. */

/** Stretches that are scanned at once, one in each byte of a vector. */
export const LANES = 64;
/** Steps between two transpositions: a square of so many lanes. Also the window. */
export const COLUMNS = 64;
/** Most bytes of a stretch. No power of two, so that the lanes' lines do not fall on each other in the first cache. */
export const STRETCH: number = 17 * COLUMNS;
/** Bytes behind the end of what is scanned that may be read. */
export const READ_BEHIND: number = LANES * COLUMNS;

/** Matrices over GF(2), eight bytes each: what each byte of the fingerprint takes from the byte that falls out at its top, */
export const TOP = 0;
/** what it takes from the byte that leaves the window, */
export const LEAVING: number = TOP + 7 * 8;
/** and what its lowest two bytes take from the byte that enters. */
export const ENTERING: number = LEAVING + 7 * 8;
/** Which bits of the lowest and of the third byte must be zero at a cut, eight times each; of the second, all. */
export const MASK_0: number = ENTERING + 2 * 8;
export const MASK_2: number = MASK_0 + 8;
/** Working memory: the fingerprint, seven vectors, and two squares of columns. */
export const DIGEST = 192;
export const SQUARES = 1024;
export const SQUARE_BYTES: number = LANES * COLUMNS;
export const MEMORY_BYTES: number = SQUARES + 2 * SQUARE_BYTES;
