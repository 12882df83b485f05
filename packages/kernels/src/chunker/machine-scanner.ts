/** The chunk scanner in machine code (machine/scan.ts): 64 stretches at once in AVX-512 with GFNI, 32 in AVX2. */
import * as layout from '../../machine/scan-layout.ts';
import { SCAN_GFNI_X64, SCAN_NIBBLES_X64 } from '../generated/machine.ts';
import { bindMachineCode } from '../machine/machine-code.ts';
import { memoryOf } from '../memory.ts';
import { PAGE_BYTES, pagesOfMemory } from '../posix/pages.ts';
import { findCandidates } from './candidates.ts';
import { chunkEnd } from './chunk-end.ts';
import { PlainScanner } from './plain-scanner.ts';
import { type ChunkScanner, WINDOW } from './scanner.ts';
import { makeMatrices, makeNibbleTables } from './tables.ts';

interface Kernel {
  /** Returns the address of the first cut behind `from`; zero, or one behind `to`, if there is none up to that. */
  readonly first: (memory: number, from: number, to: number) => number;
}

/** Named after what the processor must have. */
export type MachineVariant = 'gfni' | 'avx2';

const KINDS = {
  gfni: { code: SCAN_GFNI_X64, lanes: 64, makeTables: makeMatrices },
  avx2: { code: SCAN_NIBBLES_X64, lanes: 32, makeTables: makeNibbleTables },
} as const;

/** Returns null where the processor or the system does not let the kernel run. */
export function machineScanner(variant: MachineVariant, polynomial: bigint, arenaBytes: number): ChunkScanner | null {
  const kernel = bindMachineCode<Kernel>(KINDS[variant].code, variant, {
    first: 'uintptr_t (uintptr_t memory, uintptr_t from, uintptr_t to)',
  });
  return kernel && new MachineScanner(kernel, variant, polynomial, arenaBytes);
}

class MachineScanner implements ChunkScanner {
  readonly arena: Uint8Array;
  readonly #kernel: Kernel;
  readonly #polynomial: bigint;
  readonly #arenaAt: number;
  /** What the kernel works with; it begins at a page. */
  readonly #memory: Uint8Array;
  readonly #memoryAt: number;
  /** For candidates right behind one: made when there is one. */
  #plain: PlainScanner | null = null;

  constructor(kernel: Kernel, variant: MachineVariant, polynomial: bigint, arenaBytes: number) {
    const { lanes, makeTables } = KINDS[variant];
    this.#kernel = kernel;
    this.#polynomial = polynomial;
    // A window before the arena and a square behind it may be read, though what is there does not count.
    const around = pagesOfMemory(PAGE_BYTES + arenaBytes + layout.readBehind(lanes));
    this.arena = around.subarray(PAGE_BYTES, PAGE_BYTES + arenaBytes);
    this.#arenaAt = memoryOf(around).address + PAGE_BYTES;
    this.#memory = pagesOfMemory(layout.memoryBytes(lanes));
    this.#memoryAt = memoryOf(this.#memory).address;
    this.#memory.set(makeTables(polynomial));
    const mask = (bits: number, at: number) => this.#memory.fill(bits, at, at + layout.MASK_BYTES);
    // Bits 3 to 22 of the fingerprint times x^3: the high five of the lowest byte, the next one, the low seven of the third.
    mask(0xf8, layout.MASK_0);
    mask(0x7f, layout.MASK_2);
    mask(0x0f, layout.LOW_4);
    mask(0x07, layout.LOW_3);
  }

  cut(start: number, end: number, eof: boolean, from: number = start): number {
    return chunkEnd(this.arena.length, start, end, eof, from, (after, to) => this.#first(after, to));
  }

  candidates(from: number, to: number, out: Uint32Array): number {
    const first = (after: number, end: number): number => this.#first(after, end);
    return findCandidates(this.arena.length, from, to, out, first, (after, end, rest) => {
      this.#plain ??= new PlainScanner(this.#polynomial, this.arena);
      return this.#plain.candidates(after, Math.min(end, after + WINDOW), rest);
    });
  }

  /** Returns the first candidate p with after < p <= to, or 0. */
  #first(after: number, to: number): number {
    const hit = this.#kernel.first(this.#memoryAt, this.#arenaAt + after, this.#arenaAt + to) - this.#arenaAt;
    return hit > 0 && hit <= to ? hit : 0;
  }
}
