/** Chooses the scanner that runs best here. */

import { PlainScanner } from './plain-scanner.ts';
import { expectPolynomial } from './polynomial.ts';
import type { ChunkScanner } from './scanner.ts';
import { wasmScanner } from './wasm-scanner.ts';

export interface ScannerOptions {
  /** `false` keeps to plain TypeScript; `'scalar'` to WebAssembly without SIMD. Default: the fastest that runs here. */
  readonly native?: boolean | 'scalar';
}

/**
 * Returns a scanner over its own arena of `arenaBytes`. Same results with and without WebAssembly.
 * Throws RangeError for a polynomial that is not of degree 53 or an arena above 1 GiB.
 */
export function createScanner(polynomial: bigint, arenaBytes: number, options: ScannerOptions = {}): ChunkScanner {
  expectPolynomial(polynomial);
  if (!Number.isSafeInteger(arenaBytes) || arenaBytes < 1 || arenaBytes > 1 << 30) {
    throw new RangeError(`arenaBytes: expected 1 to ${1 << 30}, got ${arenaBytes}`);
  }
  const fast = options.native === false ? null : wasmScanner(polynomial, arenaBytes, options.native !== 'scalar');
  return fast ?? new PlainScanner(polynomial, arenaBytes);
}
