import { koffiModule } from '../optional-module.ts';

/** What the processor has, and the system lets programs use. */
export interface ProcessorFeatures {
  /** Instructions for SHA-256. */
  readonly sha: boolean;
  /** Rounds of AES, on vectors of 16 bytes in the form of AVX. */
  readonly aes: boolean;
  /** Integers in vectors of 32 bytes. */
  readonly avx2: boolean;
  /** The same, and rounds of AES on such vectors. */
  readonly vaes: boolean;
  /** Vectors of 64 bytes, and their instructions on shorter ones (AVX-512 F and VL). */
  readonly avx512: boolean;
  /** The same on bytes (BW), and products with matrices over GF(2). */
  readonly gfni: boolean;
  /** Vectors of 64 bytes with bytes (BW), and rounds of AES on them. */
  readonly vaes512: boolean;
}

const NONE: ProcessorFeatures = {
  sha: false,
  aes: false,
  avx2: false,
  vaes: false,
  avx512: false,
  gfni: false,
  vaes512: false,
};

/** What OPENSSL_info() calls the processor's abilities. */
const CPU_SETTINGS = 1008;

let known: ProcessorFeatures | undefined;

/** Returns nothing but false on other than x86-64, or where there is nobody to ask. Asks once a thread. */
export function processorFeatures(): ProcessorFeatures {
  known ??= ask();
  return known;
}

function ask(): ProcessorFeatures {
  const ffi = koffiModule();
  if (ffi === null || process.arch !== 'x64') return NONE;
  try {
    return readFeatures(String(ffi.load(null).func('const char *OPENSSL_info(int type)')(CPU_SETTINGS)));
  } catch {
    return NONE;
  }
}

/**
 * Reads what OPENSSL_ia32cap(3) describes: the first number is CPUID's leaf 1, edx below ecx, the second its leaf 7, ebx below ecx.
 * OpenSSL has taken out of them what the system does not save of the processor's state.
 */
export function readFeatures(settings: string): ProcessorFeatures {
  const numbers = /^OPENSSL_ia32cap=0x([0-9a-f]+):0x([0-9a-f]+)/.exec(settings);
  if (numbers === null) return NONE;
  const [leaf1, leaf7] = [BigInt(`0x${numbers[1]}`), BigInt(`0x${numbers[2]}`)];
  const has = (leaf: bigint, ...bits: number[]): boolean => bits.every((bit) => ((leaf >> BigInt(bit)) & 1n) === 1n);
  return {
    sha: has(leaf7, 29),
    aes: has(leaf1, 32 + 25, 32 + 28),
    avx2: has(leaf7, 5),
    vaes: has(leaf7, 5, 32 + 9),
    avx512: has(leaf7, 16, 31),
    gfni: has(leaf7, 16, 30, 31, 32 + 8),
    vaes512: has(leaf7, 16, 30, 31, 32 + 9),
  };
}
