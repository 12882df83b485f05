/** The chunk scanner over WebAssembly: one instance and one memory a scanner, the arena being part of that memory. */

import { SCAN_WASM } from '../generated/scan-wasm.ts';
import { chunkEnd } from './chunk-end.ts';
import { expectContext } from './plain-scanner.ts';
import type { ChunkScanner } from './scanner.ts';
import { makeTables } from './tables.ts';
import { type WasmMemory, type WasmModule, wasmRuntime } from './webassembly.ts';

const PAGE = 65_536;
/** Addresses that assembly/scan.ts expects. */
const TABLES = 1024;
/** Room for the positions of one call of `all`, between the tables and the arena. */
const FOUND = 8192;
const FOUND_ENTRIES = (PAGE - FOUND) / 4;
const ARENA = PAGE;

interface ScanExports {
  readonly memory: WasmMemory;
  first(from: number, to: number): number;
  all(from: number, to: number, origin: number, out: number, max: number): number;
}

/** Returns null where WebAssembly is not to be had. */
export function wasmScanner(polynomial: bigint, arenaBytes: number, _simd: boolean): ChunkScanner | null {
  const scan = instantiate(SCAN_WASM);
  return scan && new WasmScanner(scan, polynomial, arenaBytes);
}

class WasmScanner implements ChunkScanner {
  readonly arena: Uint8Array;
  readonly #scan: ScanExports;
  readonly #found: Uint32Array;

  constructor(scan: ScanExports, polynomial: bigint, arenaBytes: number) {
    const pages = Math.ceil((ARENA + arenaBytes) / PAGE);
    const missing = pages - scan.memory.buffer.byteLength / PAGE;
    if (missing > 0) scan.memory.grow(missing);
    const { buffer } = scan.memory;
    const { leaving, reduce } = makeTables(polynomial);
    new BigUint64Array(buffer, TABLES, 512).set([...leaving, ...reduce]);
    this.arena = new Uint8Array(buffer, ARENA, arenaBytes);
    this.#found = new Uint32Array(buffer, FOUND, FOUND_ENTRIES);
    this.#scan = scan;
  }

  cut(start: number, end: number, eof: boolean, from: number = start): number {
    return chunkEnd(this.arena.length, start, end, eof, from, (after, to) => {
      const hit = this.#scan.first(ARENA + after, ARENA + to);
      return hit === 0 ? 0 : hit - ARENA;
    });
  }

  candidates(from: number, to: number, out: Uint32Array): number {
    expectContext(from, to, this.arena.length);
    let count = 0;
    for (let at = from; at < to && count < out.length; ) {
      const most = Math.min(out.length - count, FOUND_ENTRIES);
      const found = this.#scan.all(ARENA + at, ARENA + to, ARENA, FOUND, most);
      out.set(this.#found.subarray(0, found), count);
      count += found;
      if (found < most) break;
      at = out[count - 1]!;
    }
    return count;
  }
}

const modules = new Map<string, WasmModule>();

function instantiate(base64: string): ScanExports | null {
  if (wasmRuntime === undefined) return null;
  let module = modules.get(base64);
  if (module === undefined) {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    // A module with SIMD is invalid where the processor or the runtime lacks it.
    if (!wasmRuntime.validate(bytes)) return null;
    module = new wasmRuntime.Module(bytes);
    modules.set(base64, module);
  }
  return new wasmRuntime.Instance(module).exports as ScanExports;
}
