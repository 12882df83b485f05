/** AES-256 in counter mode through machine code (machine/aes-ctr.ts). */
import * as layout from '../../machine/aes-ctr-layout.ts';
import { AES_CTR_1_X64, AES_CTR_2_X64, AES_CTR_4_X64 } from '../generated/machine.ts';
import type { ProcessorFeatures } from '../machine/features.ts';
import { type AssembledCode, bindMachineCode, machineCodeAddress } from '../machine/machine-code.ts';
import { memoryOf } from '../memory.ts';
import { aes256RoundKeys } from './aes-key-schedule.ts';
import { releaseWith } from './libcrypto.ts';

interface Kernel {
  readonly crypt: (memory: number, from: Uint8Array, to: Uint8Array, length: number) => void;
  readonly cryptAt: (memory: number, from: number, to: number, length: number) => void;
}

const BLOCK = 16;

/** Blocks in a vector. */
export type CtrBlocks = 1 | 2 | 4;

interface Code {
  readonly code: AssembledCode<'crypt' | 'cryptAt'>;
  readonly needs: keyof ProcessorFeatures;
}
const CODES: Readonly<Record<CtrBlocks, Code>> = {
  4: { code: AES_CTR_4_X64, needs: 'vaes512' },
  2: { code: AES_CTR_2_X64, needs: 'vaes' },
  1: { code: AES_CTR_1_X64, needs: 'aes' },
};

/** Returns the most that a vector has here, or null where the processor or the system lets no code run. */
export function widestCtr(): CtrBlocks | null {
  return ([4, 2, 1] as const).find((blocks) => kernelOf(blocks) !== null) ?? null;
}

/** One key; messages one at a time. */
export class VectorCtr {
  readonly #kernel: Kernel;
  readonly #memory: Buffer;
  readonly #address: number;

  private constructor(kernel: Kernel, blocks: CtrBlocks, roundKeys: Uint8Array) {
    this.#kernel = kernel;
    this.#memory = Buffer.allocUnsafeSlow(layout.MEMORY_BYTES).fill(0);
    this.#address = memoryOf(this.#memory).address;
    this.#memory.set(roundKeys, layout.ROUND_KEYS);
    for (let block = 0; block < blocks; block++) {
      this.#memory[layout.IN_VECTOR + BLOCK * block] = block;
      this.#memory[layout.VECTOR + BLOCK * block] = blocks;
    }
    for (let i = 0; i < BLOCK; i++) this.#memory[layout.REVERSED + i] = BLOCK - 1 - i;
    releaseWith(this, wipe, this.#memory);
  }

  /** Returns null where the processor or the system does not let the kernel run. */
  static create(key: Uint8Array, blocks: CtrBlocks | null = widestCtr()): VectorCtr | null {
    return VectorCtr.several(key, 1, blocks)?.[0] ?? null;
  }

  /** The same for so many messages at a time under one key. */
  static several(key: Uint8Array, count: number, blocks: CtrBlocks | null = widestCtr()): readonly VectorCtr[] | null {
    const kernel = blocks && kernelOf(blocks);
    if (blocks === null || kernel === null) return null;
    const roundKeys = aes256RoundKeys(key);
    const all = Array.from({ length: count }, () => new VectorCtr(kernel, blocks, roundKeys));
    roundKeys.fill(0);
    return all;
  }

  /** The address of the function that crypts: its arguments are `address`, those of the bytes and of where they go, their number. */
  static functionAddress(): number | null {
    const blocks = widestCtr();
    return blocks && machineCodeAddress(CODES[blocks].code, CODES[blocks].needs, 'cryptAt');
  }

  /** Of the memory that the function takes. */
  get address(): number {
    return this.#address;
  }

  /**
   * Begins a message with the 16 bytes at `at` as its first counter. Returns false, once in 2^32 random ones, if the counter's
   * lower half might overflow: then this is not the way.
   */
  start(iv: Uint8Array, at: number): boolean {
    for (let i = 0; i < BLOCK; i++) this.#memory[layout.COUNTER + i] = iv[at + BLOCK - 1 - i]!;
    return this.#memory.readUInt32LE(layout.COUNTER + 4) !== 0xffff_ffff;
  }

  /** Encrypts or decrypts the next bytes, as many as `to` takes of `from`: but for the last ones a multiple of 64. `to` may be `from`. */
  piece(from: Uint8Array, to: Uint8Array): void {
    this.#kernel.crypt(this.#address, from, to, from.length);
  }

  /** The same by addresses. */
  pieceAt(from: number, to: number, length: number): void {
    this.#kernel.cryptAt(this.#address, from, to, length);
  }
}

/** What libcrypto does with the keys in its contexts. */
function wipe(memory: Buffer): void {
  memory.fill(0);
}

function kernelOf(blocks: CtrBlocks): Kernel | null {
  return bindMachineCode<Kernel>(CODES[blocks].code, CODES[blocks].needs, {
    crypt: 'void (uintptr_t memory, void *from, void *to, size_t length)',
    cryptAt: 'void (uintptr_t memory, uintptr_t from, uintptr_t to, size_t length)',
  });
}
