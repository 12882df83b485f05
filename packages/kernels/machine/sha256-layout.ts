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
/** The eight words that a hash starts with. */
export const START: number = REVERSED + 16;
/** For the kernel itself: how many blocks of each lane's message are left, and where its hash goes. */
export const LEFT: number = START + 4 * 8;
export const OUTS: number = LEFT + 8 * LANES;
export const MEMORY_BYTES: number = OUTS + 8 * LANES;

/** A message in the list of hashEach(), 64 bits for each part: its address, its blocks with the padding, where its hash goes. */
export const MESSAGE = 0;
export const MESSAGE_BLOCKS = 8;
export const MESSAGE_OUT = 16;
export const MESSAGE_BYTES = 24;
/** More blocks than a message has: what is left of a lane that has none. */
export const NO_MESSAGE = 0x7fff_ffff;
