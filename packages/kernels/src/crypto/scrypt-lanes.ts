/**
 * scryptROMix (RFC 7914, section 5) in WebAssembly (assembly/scrypt.ts), two lanes at a time: half the time of OpenSSL's
 * scrypt in the same memory. Opening a repository costs little else.
 */
import { setFlagsFromString } from 'node:v8';
import { compile, instanceOf, type WasmMemory } from '../chunker/webassembly.ts';
import { SCRYPT_WASM } from '../generated/wasm.ts';
import { dropPages } from '../posix/pages.ts';

interface Kernel {
  readonly memory: WasmMemory;
  readonly begin: (state: number, scratch: number, size: number, n: number) => void;
  readonly fill: (
    state: number,
    scratch: number,
    table: number,
    size: number,
    n: number,
    from: number,
    to: number,
  ) => void;
  /** Returns 0 at the end. */
  readonly walk: (scratch: number, table: number, size: number, n: number, passes: number) => number;
}

const PAGE = 65_536;
const BLOCK_WORDS = 16;
/** The kernel's own data ends before. */
const STATE = 1024;
/** Block mixes of r = 8 to a step: some 4 ms. Long enough to cost nothing, short enough for answers that come meanwhile. */
const MIXES_PER_STEP = 4096;

/** Mixes lanes of 128 r bytes. */
export interface LaneMixer {
  /** In place, in steps: where it yields, others may have their turn. One pair at a time. */
  mix(first: Uint8Array, second: Uint8Array | null): Generator<void, void>;
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
  const step = 2 * Math.ceil((MIXES_PER_STEP * 4) / r);
  return {
    forget: () => dropPages(new Uint8Array(kernel.memory.buffer)),
    *mix(first, second) {
      toDiagonals(first, words.subarray(0, size / 4));
      if (second !== null) toDiagonals(second, words.subarray(size / 4));
      kernel.begin(STATE, scratch, size, n);
      for (let from = 0; from < n / 2; from += step / 2) {
        kernel.fill(STATE, scratch, table, size, n, from, Math.min(n / 2, from + step / 2));
        yield;
      }
      while (kernel.walk(scratch, table, size, n, step) !== 0) yield;
      fromDiagonals(words.subarray(0, size / 4), first);
      if (second !== null) fromDiagonals(words.subarray(size / 4), second);
    },
  };
}

/** Null where WebAssembly or its SIMD is missing. */
function instantiate(): Kernel | null {
  const bytes = Buffer.from(SCRYPT_WASM, 'base64');
  // Called a few times for long: the baseline compiler's code would do half of the work, at a third of the speed.
  setFlagsFromString('--no-liftoff');
  try {
    const module = compile(bytes);
    return module === null ? null : (instanceOf(module) as Kernel);
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
