/** The memory that sha256.ts and its caller share. Offsets in bytes. */

export const LANES = 16;
/** For the kernel itself. Eight vectors: word w of lane l is number 16 w + l. */
export const WORDS = 0;
/** The address of each lane's input, 64 bits. */
export const INPUTS: number = WORDS + 8 * 4 * LANES;
/** The address of each lane's state: eight words of 32 bits in the processor's byte order. */
export const STATES: number = INPUTS + 8 * LANES;
/** The 64 constants of the rounds, 32 bits each (FIPS 180-4, 4.2.2). */
export const CONSTANTS: number = STATES + 8 * LANES;
/** The order that turns each four bytes round. */
export const REVERSED: number = CONSTANTS + 4 * 64;
export const MEMORY_BYTES: number = REVERSED + 16;
