/**
 * The numbers that scrypt.ts and its caller share, 64 bits each: for all lanes, then a record for each lane. Offsets in bytes.
 */

export const LANES = 4;

/** Bytes of a lane's state, 128 r, and half of it. */
export const SIZE = 0;
export const HALF = 8;
/** n - 1, where n is a power of two. */
export const MASK = 16;
/** Every so many entries of a table one is kept. */
export const KEPT = 24;
/** How many mixes `fill` does from one entry to the next, less one: usually all up to the next that is kept. */
export const BETWEEN = 32;
/** The address of SIZE bytes of zeros. */
export const ZEROS = 40;
export const RECORDS = 64;
export const RECORD_BYTES = 96;
export const NUMBERS_BYTES: number = RECORDS + LANES * RECORD_BYTES;

/** Of a record. What the next mix reads and writes: addresses of SIZE bytes. */
export const FROM = 0;
export const OTHER = 8;
export const TO = 16;
/** The lane's state, and room for the next one. At the start the state is the table's first entry. */
export const STATE = 24;
export const SPARE = 32;
/** n / KEPT entries, and one more or two: the state at the end of filling is the last. */
export const TABLE = 40;
/** How many mixes the chosen entry is away from the one that is at hand; below zero: none is chosen. */
export const AWAY = 48;
/** Passes through the table that are left. */
export const LEFT = 56;
/** The entry at hand, kept or made. */
export const AT_HAND = 64;
/** Rooms for two entries that are made, in turns. */
export const MADE = 72;
export const MADE_NEXT = 80;
