import { koffiModule } from '../optional-module.ts';

export interface ProcessorFeatures {
  /** Instructions for SHA-256. */
  readonly sha: boolean;
  /** Vectors of 64 bytes, and their instructions on shorter ones (AVX-512 F and VL). */
  readonly avx512: boolean;
  /** The same on bytes (BW), and products with matrices over GF(2). */
  readonly gfni: boolean;
  /** The same, and rounds of AES on such vectors. */
  readonly vaes: boolean;
}

const NONE: ProcessorFeatures = { sha: false, avx512: false, gfni: false, vaes: false };

/** What OPENSSL_info() calls the processor's abilities. */
const CPU_SETTINGS = 1008;

/** Returns nothing but false on other than x86-64, or where there is nobody to ask. */
export function processorFeatures(): ProcessorFeatures {
  const ffi = koffiModule();
  if (ffi === null || process.arch !== 'x64') return NONE;
  try {
    return readFeatures(String(ffi.load(null).func('const char *OPENSSL_info(int type)')(CPU_SETTINGS)));
  } catch {
    return NONE;
  }
}

/** Reads what OPENSSL_ia32cap(3) describes: the second number is CPUID's leaf 7, ebx below ecx. */
export function readFeatures(settings: string): ProcessorFeatures {
  const second = /^OPENSSL_ia32cap=0x[0-9a-f]+:0x([0-9a-f]+)/.exec(settings)?.[1];
  if (second === undefined) return NONE;
  const leaf7 = BigInt(`0x${second}`);
  const has = (...bits: number[]): boolean => bits.every((bit) => ((leaf7 >> BigInt(bit)) & 1n) === 1n);
  return { sha: has(29), avx512: has(16, 31), gfni: has(16, 30, 31, 32 + 8), vaes: has(16, 30, 31, 32 + 9) };
}
