/**
 * scryptROMix (RFC 7914, section 5) in WebAssembly (assembly/scrypt.ts), two lanes at a time: half the time of OpenSSL's
 * scrypt in the same memory. Opening a repository costs little else.
 */
import { setFlagsFromString } from 'node:v8';
import { compile, instanceOf, type WasmMemory } from '../chunker/webassembly.ts';
import { SCRYPT_WASM } from '../generated/wasm.ts';
import { dropPages } from '../posix/pages.ts';
import { fromDiagonals, toDiagonals } from './diagonals.ts';
import type { LaneMixer } from './lane-mixer.ts';

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
/** The kernel's own data ends before. */
const STATE = 1024;
/** Block mixes of r = 8 to a step: some 4 ms. Long enough to cost nothing, short enough for answers that come meanwhile. */
const MIXES_PER_STEP = 4096;

/** Returns a mixer for two lanes of 128 `r` bytes and cost `n` (a power of two), or null where there is no SIMD. */
export function laneMixer(n: number, r: number): LaneMixer | null {
  const kernel = instantiate();
  if (kernel === null) return null;
  const size = 128 * r;
  const scratch = STATE + 2 * size;
  const table = scratch + 5 * size;
  const end = table + size * n;
  kernel.memory.grow(Math.ceil(Math.max(0, end - kernel.memory.buffer.byteLength) / PAGE));
  const laneWords = (lane: number) => new Uint32Array(kernel.memory.buffer, STATE + lane * size, size / 4);
  const step = 2 * Math.ceil((MIXES_PER_STEP * 4) / r);
  return {
    lanes: 2,
    forget: () => dropPages(new Uint8Array(kernel.memory.buffer)),
    async mix(states) {
      for (const [lane, state] of states.entries()) toDiagonals(state, laneWords(lane));
      kernel.begin(STATE, scratch, size, n);
      for (let from = 0; from < n / 2; from += step / 2) {
        kernel.fill(STATE, scratch, table, size, n, from, Math.min(n / 2, from + step / 2));
        await nextTurn();
      }
      while (kernel.walk(scratch, table, size, n, step) !== 0) await nextTurn();
      for (const [lane, state] of states.entries()) fromDiagonals(laneWords(lane), state);
    },
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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
    // Goes with it, but does not come back with it: while a flag differs, threads do not take Node's compiled code.
    setFlagsFromString('--wasm-dynamic-tiering');
  }
}
