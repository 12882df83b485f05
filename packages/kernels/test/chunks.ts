/** Ways to feed a scanner, and data to feed it with. */

import { createHash } from 'node:crypto';
import { type ChunkScanner, MAX_CHUNK } from '../src/index.ts';

export const POLYNOMIAL = 0x3da3358b4dc173n;

/** Cuts `data` with all of it in the arena from `offset` on. */
export function chunksAtOnce(scanner: ChunkScanner, data: Uint8Array, offset = 0): number[] {
  scanner.arena.set(data, offset);
  const lengths: number[] = [];
  const end = offset + data.length;
  for (let start = offset; start < end; ) {
    const cut = scanner.cut(start, end, true);
    lengths.push(cut - start);
    start = cut;
  }
  return lengths;
}

/** Cuts `data` as a reader does: some bytes more at a time, the rest of a cut moved to the arena's start. */
export function chunksInSteps(scanner: ChunkScanner, data: Uint8Array, step: number): number[] {
  const lengths: number[] = [];
  let filled = 0;
  let scanned = 0;
  for (let read = 0; ; ) {
    const cut = scanner.cut(0, filled, read === data.length, scanned);
    if (cut === 0) {
      if (read === data.length) return lengths;
      scanned = filled;
      const more = data.subarray(read, read + Math.min(step, scanner.arena.length - filled));
      scanner.arena.set(more, filled);
      filled += more.length;
      read += more.length;
    } else {
      lengths.push(cut);
      scanner.arena.copyWithin(0, cut, filled);
      filled -= cut;
      scanned = 0;
    }
  }
}

/** Bytes without pattern, the same for the same seed. */
export function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed | 1;
  for (let i = 0; i < length; i++) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state >>> 8;
  }
  return bytes;
}

/** The portable vector: SHA256("vector1" | uint64BE(i)) for i below 524288, 16 MiB in all. */
export function vectorData(): Uint8Array {
  const data = new Uint8Array(16 * 1024 * 1024);
  const message = Buffer.alloc(15);
  message.write('vector1');
  for (let i = 0; i < data.length / 32; i++) {
    message.writeBigUInt64BE(BigInt(i), 7);
    data.set(createHash('sha256').update(message).digest(), i * 32);
  }
  return data;
}

export const ARENA_FOR_ANY_CHUNK: number = MAX_CHUNK + 65_536;
