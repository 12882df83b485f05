/**
 * Memory with its address: what a hot loop hands to C as two plain numbers, where a view of the same bytes would cost an
 * object and its conversion for each call.
 */

import { koffiModule } from './optional-module.ts';

/** Bytes that never move: of an ArrayBuffer that is not resized or transferred, shared memory, or a WebAssembly memory. */
export interface Memory {
  /** Keeps what lies at the address alive. */
  readonly bytes: Uint8Array;
  /** Where `bytes[0]` lies; 0 where C cannot be called. */
  readonly address: number;
}

/** Returns `bytes` with their address. Costs about a microsecond: for memory that serves many calls. */
export function memoryOf(bytes: Uint8Array): Memory {
  const ffi = koffiModule();
  return { bytes, address: ffi === null || bytes.length === 0 ? 0 : Number(ffi.address(bytes)) };
}

/** Returns `size` zeroed bytes of memory of their own with their address, of any size: small arrays of V8's may move. */
export function zeroedMemory(size: number): Memory {
  return memoryOf(Buffer.allocUnsafeSlow(size).fill(0));
}

/** Returns a view of all of `memory` as words. */
export function wordsOf({ bytes }: Memory): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** Writes a whole number of 64 bits, an address for instance, as two words, the lower one first: a view of such numbers would take bigints. */
export function put64(words: Int32Array | Uint32Array, at: number, value: number): void {
  words[at] = value;
  words[at + 1] = Math.floor(value / 2 ** 32);
}

/** Throws RangeError unless `length` bytes from `at` on lie inside `memory`: C would read or write whatever is there. */
export function expectInside(memory: Memory, at: number, length: number): void {
  if (!(at >= 0 && length >= 0 && at + length <= memory.bytes.length)) {
    throw new RangeError(`expected a range inside ${memory.bytes.length} bytes, got ${length} at ${at}`);
  }
}

/** Returns a view of the range: for implementations without C. */
export function viewIn(memory: Memory, at: number, length: number): Uint8Array {
  return memory.bytes.subarray(at, at + length);
}
