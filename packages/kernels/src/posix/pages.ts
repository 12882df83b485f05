/** Gives memory back to the system before the garbage collector gets to it. */
import { libc } from './libc.ts';

/** MADV_DONTNEED (madvise(2)): private pages are dropped now, and are zeros if they are touched again. */
const DONT_NEED = 4;

/**
 * Drops the content of `memory`, which must begin at a page of its own (as a WebAssembly memory does) and be needed by
 * nobody. Does nothing where there is no native call: then it goes with its owner.
 */
export function dropPages(memory: Uint8Array): void {
  libc()?.madvise(memory, memory.length, DONT_NEED);
}
