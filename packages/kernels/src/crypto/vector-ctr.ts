/** AES-256 in counter mode through machine code (machine/aes-ctr.ts). */
import * as layout from '../../machine/aes-ctr-layout.ts';
import { AES_CTR_X64 } from '../generated/machine.ts';
import { bindMachineCode, machineCodeAddress } from '../machine/machine-code.ts';
import { memoryOf } from '../memory.ts';
import { aes256RoundKeys } from './aes-key-schedule.ts';
import { releaseWith } from './libcrypto.ts';

interface Kernel {
  readonly crypt: (memory: number, from: Uint8Array, to: Uint8Array, length: number) => void;
  readonly cryptAt: (memory: number, from: number, to: number, length: number) => void;
}

const BLOCK = 16;

/** One key; messages one at a time. */
export class VectorCtr {
  readonly #kernel: Kernel;
  readonly #memory: Buffer;
  readonly #address: number;

  private constructor(kernel: Kernel, roundKeys: Uint8Array) {
    this.#kernel = kernel;
    this.#memory = Buffer.allocUnsafeSlow(layout.MEMORY_BYTES).fill(0);
    this.#address = memoryOf(this.#memory).address;
    this.#memory.set(roundKeys, layout.ROUND_KEYS);
    for (let block = 0; block < 4; block++) {
      this.#memory[layout.IN_VECTOR + BLOCK * block] = block;
      this.#memory[layout.VECTOR + BLOCK * block] = 4;
    }
    for (let i = 0; i < BLOCK; i++) this.#memory[layout.REVERSED + i] = BLOCK - 1 - i;
    releaseWith(this, wipe, this.#memory);
  }

  /** Returns null where the processor or the system does not let the kernel run. */
  static create(key: Uint8Array): VectorCtr | null {
    return VectorCtr.several(key, 1)?.[0] ?? null;
  }

  /** The same for so many messages at a time under one key. */
  static several(key: Uint8Array, count: number): readonly VectorCtr[] | null {
    const kernel = bindMachineCode<Kernel>(AES_CTR_X64, 'vaes', {
      crypt: 'void (uintptr_t memory, void *from, void *to, size_t length)',
      cryptAt: 'void (uintptr_t memory, uintptr_t from, uintptr_t to, size_t length)',
    });
    if (kernel === null) return null;
    const roundKeys = aes256RoundKeys(key);
    const all = Array.from({ length: count }, () => new VectorCtr(kernel, roundKeys));
    roundKeys.fill(0);
    return all;
  }

  /** The address of the function that crypts: its arguments are `address`, those of the bytes and of where they go, their number. */
  static functionAddress(): number | null {
    return machineCodeAddress(AES_CTR_X64, 'vaes', 'cryptAt');
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
