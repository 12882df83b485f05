/**
 * The chunk scanner in plain TypeScript: the slow path with the same cuts, for runtimes without WebAssembly.
 * Digests are two 32-bit halves; no bigint in the loop. About 4 ns a byte.
 */

import { chunkEnd } from './chunk-end.ts';
import { type ChunkScanner, SPLIT_MASK, WINDOW } from './scanner.ts';
import { makeTables } from './tables.ts';

/** The digest is 53 bits: its top byte lies 13 bits above the border of the halves (53 - 8 - 32). */
const TOP_SHIFT = 13;

export class PlainScanner implements ChunkScanner {
  readonly arena: Uint8Array;
  readonly #leaving: Halves;
  readonly #reduce: Halves;
  readonly #one = new Uint32Array(1);

  constructor(polynomial: bigint, arena: Uint8Array) {
    const tables = makeTables(polynomial);
    this.arena = arena;
    this.#leaving = halves(tables.leaving);
    this.#reduce = halves(tables.reduce);
  }

  cut(start: number, end: number, eof: boolean, from: number = start): number {
    return chunkEnd(this.arena.length, start, end, eof, from, (after, to) =>
      this.candidates(after, to, this.#one) === 0 ? 0 : this.#one[0]!,
    );
  }

  candidates(from: number, to: number, out: Uint32Array): number {
    const { arena } = this;
    expectContext(from, to, arena.length);
    const { high: leavingHigh, low: leavingLow } = this.#leaving;
    const { high: reduceHigh, low: reduceLow } = this.#reduce;
    let high = 0;
    let low = 0;
    let count = 0;
    // The 63 bytes before the window's last: nothing leaves yet, nothing is tested.
    for (let i = from + 1 - WINDOW; i < from; i++) {
      const top = high >>> TOP_SHIFT;
      high = ((high << 8) | (low >>> 24)) ^ reduceHigh[top]!;
      low = ((low << 8) | arena[i]!) ^ reduceLow[top]!;
    }
    let leaving = 0;
    for (let i = from; i < to; i++) {
      const top = high >>> TOP_SHIFT;
      high = ((high << 8) | (low >>> 24)) ^ reduceHigh[top]! ^ leavingHigh[leaving]!;
      low = ((low << 8) | arena[i]!) ^ reduceLow[top]! ^ leavingLow[leaving]!;
      if ((low & SPLIT_MASK) === 0) {
        if (count === out.length) break;
        out[count++] = i + 1;
      }
      leaving = arena[i + 1 - WINDOW]!;
    }
    return count;
  }
}

/** Throws RangeError unless the window of the first position after `from` and all bytes up to `to` lie in the arena. */
export function expectContext(from: number, to: number, length: number): void {
  if (from < WINDOW - 1) throw new RangeError(`from: expected at least ${WINDOW - 1}, got ${from}`);
  if (to > length) throw new RangeError(`to: expected at most the arena's ${length} bytes, got ${to}`);
}

interface Halves {
  readonly high: Int32Array;
  readonly low: Int32Array;
}

function halves(table: BigUint64Array): Halves {
  return {
    high: Int32Array.from(table, (entry) => Number(BigInt.asIntN(32, entry >> 32n))),
    low: Int32Array.from(table, (entry) => Number(BigInt.asIntN(32, entry))),
  };
}
