/**
 * Calls of C functions and of the kernel that go through machine code (machine/calls.ts) one after another: one crossing for all of
 * them. What stays the same from one run to the next is written once.
 */
import * as layout from '../../machine/calls-layout.ts';
import { CALLS_X64 } from '../generated/machine.ts';
import { put64, wordsOf, zeroedMemory } from '../memory.ts';
import { bindMachineCode } from './machine-code.ts';

interface Kernel {
  readonly run: (calls: number, count: number) => void;
}

const CALL_WORDS: number = layout.CALL_BYTES / 4;

/** One thread's. Numbers are addresses, sizes, flags: whole, from -2^31 up to 2^53. */
export class CallList {
  readonly #kernel: Kernel;
  readonly #address: number;
  readonly #words: Int32Array;

  private constructor(kernel: Kernel, most: number) {
    this.#kernel = kernel;
    const memory = zeroedMemory(most * layout.CALL_BYTES);
    this.#address = memory.address;
    this.#words = wordsOf(memory);
  }

  /** Returns room for `most` calls, or null where they can only be made one by one. */
  static create(most: number): CallList | null {
    const kernel = bindMachineCode<Kernel>(CALLS_X64, null, { run: 'void (uintptr_t calls, size_t count)' });
    return kernel && new CallList(kernel, most);
  }

  /** Writes a call: the address of a function, or the number of a system call, and its arguments. */
  write(call: number, target: number, ...values: number[]): void {
    const at = call * CALL_WORDS;
    this.#words.fill(0, at, at + CALL_WORDS);
    put64(this.#words, at + layout.TARGET / 4, target);
    for (const [i, value] of values.entries()) this.argument(call, i, value);
  }

  /** Writes one argument, counted from 0. */
  argument(call: number, index: number, value: number): void {
    put64(this.#words, call * CALL_WORDS + layout.ARGUMENTS / 4 + 2 * index, value);
  }

  /**
   * The result of the call `other`, made before, is an argument, the first by default; if it is negative, the call is not made and has
   * the same result.
   */
  takes(call: number, other: number, index = 0): void {
    const at = call * CALL_WORDS;
    put64(this.#words, at + layout.TAKES / 4, this.#address + other * layout.CALL_BYTES + layout.RESULT);
    put64(this.#words, at + layout.TAKES_INTO / 4, layout.ARGUMENTS + 8 * index);
  }

  /** Undoes takes(). */
  takesNothing(call: number): void {
    put64(this.#words, call * CALL_WORDS + layout.TAKES / 4, 0);
  }

  /** Makes the calls from number `from` up to `end`. */
  run(from: number, end: number): void {
    if (end > from) this.#kernel.run(this.#address + from * layout.CALL_BYTES, end - from);
  }

  /** The lower 32 bits of a result, signed: all of it for descriptors, counts below 2^31 and errors. */
  result(call: number): number {
    return this.#words[call * CALL_WORDS + layout.RESULT / 4]!;
  }
}
