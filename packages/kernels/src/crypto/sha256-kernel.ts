/** The machine code for sixteen SHA-256 abreast (machine/sha256.ts) and the memory that it works in. */
import * as layout from '../../machine/sha256-layout.ts';
import { SHA256_X64 } from '../generated/machine.ts';
import { bindMachineCode, machineCodeAddress } from '../machine/machine-code.ts';
import { wordsOf, zeroedMemory } from '../memory.ts';
import { START } from './lane-sha256.ts';

export interface Sha256Kernel {
  readonly advance: (memory: number, blocks: number) => void;
}

/** Returns null where the processor or the system does not let it run. */
export function sha256Kernel(): Sha256Kernel | null {
  return bindMachineCode<Sha256Kernel>(SHA256_X64, 'avx512', {
    advance: 'void (uintptr_t memory, size_t blocks)',
  });
}

/** Returns the address of hashEach(), for lists of calls, or null as above. */
export function hashEachAddress(): number | null {
  return machineCodeAddress(SHA256_X64, 'avx512', 'hashEach');
}

/** Returns memory for one user of the kernel, as words, with what never changes in it. */
export function sha256KernelMemory(): { readonly words: Int32Array; readonly address: number } {
  const memory = zeroedMemory(layout.MEMORY_BYTES);
  const words = wordsOf(memory);
  words.set(roundConstants(), layout.CONSTANTS / 4);
  words.set([0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f], layout.REVERSED / 4);
  words.set(START, layout.START / 4);
  return { words, address: memory.address };
}

/** The first 32 bits behind the point of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
function roundConstants(): Uint32Array {
  const constants: number[] = [];
  for (let n = 2; constants.length < 64; n++) {
    let isPrime = true;
    for (let d = 2; d * d <= n && isPrime; d++) isPrime = n % d !== 0;
    if (isPrime) constants.push(fraction(n));
  }
  return Uint32Array.from(constants);
}

/** Exactly: the largest x with x^3 <= n 2^96, modulo 2^32. */
function fraction(n: number): number {
  const target = BigInt(n) << 96n;
  let root = BigInt(Math.floor(Math.cbrt(n) * 2 ** 32));
  while (root ** 3n > target) root--;
  while ((root + 1n) ** 3n <= target) root++;
  return Number(root & 0xffff_ffffn);
}
