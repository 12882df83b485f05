/**
 * restic/chunker as its paper form reads, one byte at a time, in bigint: window of 64 bytes, digest, count.
 * Slow on purpose, shares nothing with src/.
 */

const MIN = 512 * 1024;
const MAX = 8 * 1024 * 1024;
const WINDOW = 64;
const MASK = (1n << 20n) - 1n;

function degree(p: bigint): number {
  let d = -1;
  for (let rest = p; rest !== 0n; rest >>= 1n) d++;
  return d;
}

function mod(a: bigint, p: bigint): bigint {
  let rest = a;
  while (degree(rest) >= degree(p)) rest ^= p << BigInt(degree(rest) - degree(p));
  return rest;
}

/** Returns the digest of one window read as a polynomial: its bytes in order, highest first, modulo p. */
export function slowDigest(window: Uint8Array, p: bigint): bigint {
  let value = 0n;
  for (const byte of window) value = (value << 8n) | BigInt(byte);
  return mod(value, p);
}

/** Returns the lengths of the chunks of `data`. */
export function slowChunks(data: Uint8Array, p: bigint): number[] {
  const out: bigint[] = [];
  const reduce: bigint[] = [];
  for (let b = 0n; b < 256n; b++) {
    out.push(mod(b << BigInt(8 * (WINDOW - 1)), p));
    reduce.push(mod(b << 53n, p) | (b << 53n));
  }

  const lengths: number[] = [];
  let start = 0;
  while (start < data.length) {
    const window = new Uint8Array(WINDOW);
    let position = 0;
    let digest = 0n;
    const slide = (byte: number): void => {
      digest ^= out[window[position]!]!;
      window[position] = byte;
      position = (position + 1) % WINDOW;
      const top = Number(digest >> 45n);
      digest = ((digest << 8n) | BigInt(byte)) ^ reduce[top]!;
    };
    slide(1);
    // The bytes before the first window are counted, not hashed.
    let count = Math.min(MIN - WINDOW, data.length - start);
    while (start + count < data.length) {
      slide(data[start + count]!);
      count++;
      if (count >= MIN && ((digest & MASK) === 0n || count >= MAX)) break;
    }
    lengths.push(count);
    start += count;
  }
  return lengths;
}
