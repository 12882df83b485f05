/** Chooses the scanner that runs best here. */

import { type MachineVariant, machineScanner } from './machine-scanner.ts';
import { PlainScanner } from './plain-scanner.ts';
import { expectPolynomial } from './polynomial.ts';
import type { ChunkScanner } from './scanner.ts';
import { type WasmVariant, wasmScanner } from './wasm-scanner.ts';

/** Ways to scan; all cut alike. */
export type ScannerVariant = MachineVariant | WasmVariant | 'plain';

export interface ScannerOptions {
  /** Default: the fastest that runs here. `plain` is TypeScript alone and runs everywhere. */
  readonly variant?: ScannerVariant;
}

/** Fastest first. Strict SIMD is not among them: it is slower than the scalar scan on x86 (assembly/scan-simd.ts). */
const PREFERRED: readonly (MachineVariant | WasmVariant)[] = ['gfni', 'avx2', 'relaxed-simd', 'scalar'];

/**
 * Returns a scanner over its own arena of `arenaBytes`.
 * Throws RangeError for a polynomial that is not of degree 53, an arena above 1 GiB, or a variant that cannot run here.
 */
export function createScanner(polynomial: bigint, arenaBytes: number, options: ScannerOptions = {}): ChunkScanner {
  expectPolynomial(polynomial);
  if (!Number.isSafeInteger(arenaBytes) || arenaBytes < 1 || arenaBytes > 1 << 30) {
    throw new RangeError(`arenaBytes: expected 1 to ${1 << 30}, got ${arenaBytes}`);
  }
  const { variant } = options;
  if (variant === 'plain') return new PlainScanner(polynomial, new Uint8Array(arenaBytes));
  for (const candidate of variant === undefined ? PREFERRED : [variant]) {
    const scanner =
      candidate === 'gfni' || candidate === 'avx2'
        ? machineScanner(candidate, polynomial, arenaBytes)
        : wasmScanner(candidate, polynomial, arenaBytes);
    if (scanner !== null) return scanner;
  }
  if (variant !== undefined) throw new RangeError(`variant: ${variant} cannot run here`);
  return new PlainScanner(polynomial, new Uint8Array(arenaBytes));
}
