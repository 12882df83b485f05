/**
 * Runs of zeros, as holes of files read: the fingerprint of a window of zeros is zero, whatever the polynomial (Rabin's
 * fingerprint is linear), and zero is a cut. So what begins with MIN_CHUNK zeros begins with a chunk of just these, which
 * nobody need look for; and all such chunks have one id.
 */
import { MIN_CHUNK } from '@hostark/kernels';

const ZEROS: Uint8Array = new Uint8Array(MIN_CHUNK);

/** Returns whether the next chunk of the first `filled` bytes is MIN_CHUNK zeros. Costs nothing for most other data. */
export function beginsWithZeroChunk(bytes: Uint8Array, filled: number): boolean {
  if (filled < MIN_CHUNK || bytes[0] !== 0 || bytes[MIN_CHUNK - 1] !== 0 || bytes[MIN_CHUNK >> 1] !== 0) return false;
  return Buffer.compare(bytes.subarray(0, MIN_CHUNK), ZEROS) === 0;
}
