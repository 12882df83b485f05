/** The chunk scanner over WebAssembly: one instance and one memory a scanner, the arena being part of that memory. */

import { RELAXED_SIMD_WASM, SCALAR_WASM, SIMD_WASM } from '../generated/wasm.ts';
import { findCandidates } from './candidates.ts';
import { chunkEnd } from './chunk-end.ts';
import type { ChunkScanner } from './scanner.ts';
import { makeNibbleTables, makeTables } from './tables.ts';
import { compile, compileRelaxed, instanceOf, type WasmMemory, type WasmModule } from './webassembly.ts';

const PAGE = 65_536;
/** Addresses that assembly/ expects. */
const TABLES = 1024;
const NIBBLE_TABLES = 5120;
/** Room for the positions of one call of `hitsClose`, between the working memory of scan-simd.ts and the arena. */
const FOUND = 32_768;
const FOUND_ENTRIES = (PAGE - FOUND) / 4;
const ARENA = PAGE;

interface ScanExports {
  readonly memory: WasmMemory;
  first(from: number, to: number): number;
  hitsClose(from: number, to: number, origin: number, out: number, max: number): number;
}

/** The modules of assembly/; what each needs beyond plain WebAssembly is in its name. */
export type WasmVariant = 'relaxed-simd' | 'simd' | 'scalar';

const MODULES: Record<WasmVariant, string> = {
  'relaxed-simd': RELAXED_SIMD_WASM,
  simd: SIMD_WASM,
  scalar: SCALAR_WASM,
};

/** Returns null where this runtime or processor cannot run the variant. */
export function wasmScanner(variant: WasmVariant, polynomial: bigint, arenaBytes: number): ChunkScanner | null {
  const scan = instantiate(MODULES[variant]);
  return scan && new WasmScanner(scan, variant, polynomial, arenaBytes);
}

class WasmScanner implements ChunkScanner {
  readonly arena: Uint8Array;
  readonly #scan: ScanExports;
  readonly #found: Uint32Array;

  constructor(scan: ScanExports, variant: WasmVariant, polynomial: bigint, arenaBytes: number) {
    const pages = Math.ceil((ARENA + arenaBytes) / PAGE);
    const missing = pages - scan.memory.buffer.byteLength / PAGE;
    if (missing > 0) scan.memory.grow(missing);
    const { buffer } = scan.memory;
    const { leaving, reduce } = makeTables(polynomial);
    const tables = new BigUint64Array(buffer, TABLES, leaving.length + reduce.length);
    tables.set(leaving);
    tables.set(reduce, leaving.length);
    if (variant !== 'scalar') new Uint8Array(buffer, NIBBLE_TABLES).set(makeNibbleTables(polynomial));
    this.arena = new Uint8Array(buffer, ARENA, arenaBytes);
    this.#found = new Uint32Array(buffer, FOUND, FOUND_ENTRIES);
    this.#scan = scan;
  }

  cut(start: number, end: number, eof: boolean, from: number = start): number {
    return chunkEnd(this.arena.length, start, end, eof, from, (after, to) => this.#first(after, to));
  }

  candidates(from: number, to: number, out: Uint32Array): number {
    const first = (after: number, end: number): number => this.#first(after, end);
    return findCandidates(this.arena.length, from, to, out, first, (after, end, rest) => {
      const room = Math.min(rest.length, FOUND_ENTRIES);
      const found = this.#scan.hitsClose(ARENA + after, ARENA + end, ARENA, FOUND, room);
      rest.set(this.#found.subarray(0, found));
      return found;
    });
  }

  /** Returns the first candidate p with after < p <= to, or 0. */
  #first(after: number, to: number): number {
    const hit = this.#scan.first(ARENA + after, ARENA + to);
    return hit === 0 ? 0 : hit - ARENA;
  }
}

const modules = new Map<string, WasmModule>();

function instantiate(base64: string): ScanExports | null {
  let module = modules.get(base64);
  if (module === undefined) {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const compiled = base64 === RELAXED_SIMD_WASM ? compileRelaxed(bytes) : compile(bytes);
    if (compiled === null) return null;
    module = compiled;
    modules.set(base64, module);
  }
  return instanceOf(module) as ScanExports;
}
