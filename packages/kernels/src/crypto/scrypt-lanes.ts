/**
 * scryptROMix (RFC 7914, section 5) in WebAssembly (assembly/scrypt.ts), two lanes at a time: half the time of OpenSSL's
 * scrypt in the same memory. Opening a repository costs little else.
 */
import { setFlagsFromString } from 'node:v8';
import { type WasmMemory, wasmRuntime } from '../chunker/webassembly.ts';
import { SCRYPT_WASM } from '../generated/wasm.ts';
import { dropPages } from '../posix/pages.ts';

interface Kernel {
  readonly memory: WasmMemory;
  readonly mix: (state: number, scratch: number, table: number, size: number, n: number) => void;
}

const PAGE = 65_536;
const BLOCK_WORDS = 16;
/** The kernel's own data ends before. */
const STATE = 1024;

/** Mixes lanes of `size` bytes, in place. `give` them back the memory when done. */
export interface LaneMixer {
  mix(first: Uint8Array, second: Uint8Array | null): void;
  /** Gives the memory back, and with it what it holds. Nothing can be mixed after that. */
  forget(): void;
}

/** Returns a mixer for lanes of 128 `r` bytes and cost `n` (a power of two), or null where there is no SIMD. */
export function laneMixer(n: number, r: number): LaneMixer | null {
  const kernel = instantiate();
  if (kernel === null) return null;
  const size = 128 * r;
  const scratch = STATE + 2 * size;
  const table = scratch + 5 * size;
  const end = table + size * n;
  kernel.memory.grow(Math.ceil(Math.max(0, end - kernel.memory.buffer.byteLength) / PAGE));
  const words = new Uint32Array(kernel.memory.buffer, STATE, size / 2);
  return {
    forget: () => dropPages(new Uint8Array(kernel.memory.buffer)),
    mix(first, second) {
      toDiagonals(first, words.subarray(0, size / 4));
      if (second !== null) toDiagonals(second, words.subarray(size / 4));
      kernel.mix(STATE, scratch, table, size, n);
      fromDiagonals(words.subarray(0, size / 4), first);
      if (second !== null) fromDiagonals(words.subarray(size / 4), second);
    },
  };
}

/** Null where WebAssembly or its SIMD is missing. */
function instantiate(): Kernel | null {
  const bytes = Buffer.from(SCRYPT_WASM, 'base64');
  if (wasmRuntime?.validate(bytes) !== true) return null;
  // Called a few times for long: the baseline compiler's code would do half of the work, at a third of the speed.
  setFlagsFromString('--no-liftoff');
  try {
    return new wasmRuntime.Instance(new wasmRuntime.Module(bytes)).exports as Kernel;
  } finally {
    setFlagsFromString('--liftoff');
  }
}

/** Little-endian words of each block into the order of its diagonals. */
function toDiagonals(bytes: Uint8Array, words: Uint32Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < words.length; i++) words[i] = view.getUint32(4 * diagonal(i), true);
}

function fromDiagonals(words: Uint32Array, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < words.length; i++) view.setUint32(4 * diagonal(i), words[i]!, true);
}

function diagonal(word: number): number {
  const inBlock = word % BLOCK_WORDS;
  return word - inBlock + ((inBlock * 5) % BLOCK_WORDS);
}
