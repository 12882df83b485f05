/** Cuts a stream of bytes into chunks, as restic cuts a file of the same content. */
import { type ChunkScanner, MIN_CHUNK } from '@hostark/kernels';
import type { ChunkSink } from './file-cutter.ts';
import { beginsWithZeroChunk } from './zero-chunk.ts';

/** Passes each chunk of `source` to `sink`, in order, and returns the number of bytes. Rejects with what the source says. */
export async function cutStream(
  source: AsyncIterable<Uint8Array>,
  scanner: ChunkScanner,
  sink: ChunkSink,
): Promise<number> {
  const { arena } = scanner;
  let filled = 0;
  let scanned = 0;
  let total = 0;
  const passChunks = async (ended: boolean): Promise<void> => {
    while (filled > 0) {
      const zeros = scanned < MIN_CHUNK && beginsWithZeroChunk(arena, filled);
      const end = zeros ? MIN_CHUNK : scanner.cut(0, filled, ended, scanned > 0 ? scanned : undefined);
      scanned = filled;
      if (end === 0) return;
      await sink(end, zeros);
      arena.copyWithin(0, end, filled);
      filled -= end;
      scanned = 0;
    }
  };
  for await (const piece of source) {
    for (let from = 0; from < piece.length; ) {
      const count = Math.min(piece.length - from, arena.length - filled);
      arena.set(piece.subarray(from, from + count), filled);
      filled += count;
      from += count;
      total += count;
      await passChunks(false);
    }
  }
  await passChunks(true);
  return total;
}
