/**
 * Instructions on general registers: those that the kernels of this folder use, and no others. Integers are 64 bits wide
 * unless an instruction says otherwise.
 */
import { Encoder, type Label } from './encoder.ts';
import type { Place, Register } from './operands.ts';

/** Conditions of a jump, by their number in the encoding. */
const CONDITIONS = {
  below: 2,
  aboveOrEqual: 3,
  equal: 4,
  notEqual: 5,
  belowOrEqual: 6,
  negative: 8,
  notNegative: 9,
} as const;
export type Condition = keyof typeof CONDITIONS;

export class IntegerAssembler extends Encoder {
  jump(to: Label): void {
    this.append(0xe9);
    this.relative(to);
  }

  jumpIf(condition: Condition, to: Label): void {
    this.append(0x0f, 0x80 + CONDITIONS[condition]);
    this.relative(to);
  }

  call(to: Label): void {
    this.append(0xe8);
    this.relative(to);
  }

  /** Calls the function whose address is in `target`. */
  callAt(target: Register): void {
    this.integer([0xff], 2, target, false);
  }

  /** Asks the kernel: number in rax, arguments in rdi, rsi, rdx, r10, r8, r9; rcx and r11 are lost. */
  systemCall(): void {
    this.append(0x0f, 0x05);
  }

  ret(): void {
    this.append(0xc3);
  }

  push(source: Register): void {
    this.#short(0x50, source);
  }

  pop(target: Register): void {
    this.#short(0x58, target);
  }

  /** Copies 64 bits. */
  move(target: Register, source: Register | Place): void {
    this.integer([0x8b], target.register, source);
  }

  store(target: Place, source: Register): void {
    this.integer([0x89], source.register, target);
  }

  /** Loads 32 bits, the upper half becomes zero. */
  load32(target: Register, source: Place): void {
    this.integer([0x8b], target.register, source, false);
  }

  /** Stores the lower 32 bits. */
  store32(target: Place, source: Register): void {
    this.integer([0x89], source.register, target, false);
  }

  /** Loads a byte, the rest becomes zero. */
  load8(target: Register, source: Place): void {
    this.integer([0x0f, 0xb6], target.register, source, false);
  }

  /** Stores the lowest byte of rax, rcx, rdx or rbx. */
  store8(target: Place, source: Register): void {
    this.integer([0x88], source.register, target, false);
  }

  /** Sets a register or 64 bits of memory to a signed number of 32 bits. */
  set(target: Register | Place, value: number): void {
    this.integer([0xc7], 0, target);
    this.number(value, 4);
  }

  add(target: Register, source: Register | Place | number): void {
    this.#arithmetic(0, target, source);
  }

  subtract(target: Register, source: Register | Place | number): void {
    this.#arithmetic(5, target, source);
  }

  and(target: Register, source: Register | Place | number): void {
    this.#arithmetic(4, target, source);
  }

  xor(target: Register, source: Register | Place | number): void {
    this.#arithmetic(6, target, source);
  }

  /** Sets the flags as `subtract` would. */
  compare(target: Register, source: Register | Place | number): void {
    this.#arithmetic(7, target, source);
  }

  multiply(target: Register, source: Register | Place): void {
    this.integer([0x0f, 0xaf], target.register, source);
  }

  /** rax = rax / source, rdx = what is left over; unsigned, rdx must be zero before. */
  divide(source: Register | Place): void {
    this.integer([0xf7], 6, source);
  }

  /** Shifts right, zeros come in; by what is in cl. */
  shiftRightByCl(target: Register): void {
    this.integer([0xd3], 5, target);
  }

  shiftRight(target: Register, bits: number): void {
    this.integer([0xc1], 5, target);
    this.append(bits);
  }

  shiftLeft(target: Register, bits: number): void {
    this.integer([0xc1], 4, target);
    this.append(bits);
  }

  /** Turns the order of the lower four bytes round; the upper half becomes zero. */
  reverseBytes32({ register }: Register): void {
    if (register >= 8) this.append(0x41);
    this.append(0x0f, 0xc8 + (register & 7));
  }

  /** target = number of zero bits below the lowest that is set. */
  trailingZeros(target: Register, source: Register): void {
    this.append(0xf3);
    this.integer([0x0f, 0xbc], target.register, source);
  }

  address(target: Register, of: Place): void {
    this.integer([0x8d], target.register, of);
  }

  /** Asks for a cache line. */
  prefetch(line: Place): void {
    this.integer([0x0f, 0x18], 1, line, false);
  }

  /** One of the eight two-operand instructions that share their encodings. */
  #arithmetic(which: number, target: Register, source: Register | Place | number): void {
    if (typeof source !== 'number') {
      this.integer([8 * which + 3], target.register, source);
      return;
    }
    this.integer([0x81], which, target);
    this.number(source, 4);
  }

  #short(opcode: number, { register }: Register): void {
    if (register >= 8) this.append(0x41);
    this.append(opcode + (register & 7));
  }
}
