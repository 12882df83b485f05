/** Runs of zeros that need not be written into a file that is all hole already. */

/** File systems allocate in blocks of this size or a multiple; a shorter run would not save anything. */
export const HOLE_BYTES = 4096;

const ZEROS: Buffer = Buffer.alloc(HOLE_BYTES);

/**
 * Returns the ranges of `data` that must be written, as pairs start, end. Holes are whole blocks of zeros, aligned in the
 * file, where `data` begins at `fileOffset`.
 */
export function dataRanges(data: Uint8Array, fileOffset: number): number[] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const ranges: number[] = [];
  let from = 0;
  let at = Math.min(data.length, (HOLE_BYTES - (fileOffset % HOLE_BYTES)) % HOLE_BYTES);
  for (; at + HOLE_BYTES <= data.length; at += HOLE_BYTES) {
    if (bytes[at] !== 0 || bytes.compare(ZEROS, 0, HOLE_BYTES, at, at + HOLE_BYTES) !== 0) continue;
    if (at > from) ranges.push(from, at);
    from = at + HOLE_BYTES;
  }
  if (data.length > from) ranges.push(from, data.length);
  return ranges;
}
