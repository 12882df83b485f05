/** The memory that aes-ctr.ts and its caller share. Offsets in bytes. */

export const ROUNDS = 14;
/** The key of each round, and the one before the first (FIPS 197, 5.2). */
export const ROUND_KEYS = 0;
export const KEY_BYTES: number = 16 * (ROUNDS + 1);
/** The next block's counter, lowest byte first: the other way round than in the block. */
export const COUNTER: number = ROUND_KEYS + KEY_BYTES;
/** What the blocks of a vector add to it, and what a vector adds. */
export const IN_VECTOR = 256;
export const VECTOR: number = IN_VECTOR + 64;
/** The order that turns 16 bytes round. */
export const REVERSED: number = VECTOR + 64;
/** The last part of the key stream, where a vector cannot be loaded and stored in part. */
export const KEY_STREAM: number = REVERSED + 16;
export const MEMORY_BYTES: number = KEY_STREAM + 64;
