/** A call in the list of calls.ts, and where its parts are. Offsets in bytes; each part has 64 bits. */

/** The address of a C function, or the number of a system call, which is below this. */
export const TARGET = 0;
export const SYSTEM_CALLS = 4096;
/** Six arguments; those that the function does not take are ignored. */
export const ARGUMENTS = 8;
export const MOST_ARGUMENTS = 6;
/** What it returned: of a system call -errno where it failed; of a function that returns 32 bits only the lower half counts. */
export const RESULT: number = ARGUMENTS + 8 * MOST_ARGUMENTS;
/** The address of another call's result that takes the place of an argument; 0: none does. */
export const TAKES: number = RESULT + 8;
/** Where in this call that argument is. */
export const TAKES_INTO: number = TAKES + 8;
export const CALL_BYTES: number = TAKES_INTO + 8;
