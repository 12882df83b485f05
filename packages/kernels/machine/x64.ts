/**
 * A small assembler for x86-64: the instructions that the kernels of this folder use, and no others. Integers are 64 bits
 * wide unless an instruction says otherwise; vectors are written in AVX-512's form (EVEX), whatever their width.
 * Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
 */

/** A general register, by its number in the encoding. */
export type Register = { readonly register: number };
/** A vector register of `bytes` 16, 32 or 64. */
export type Vector = { readonly vector: number; readonly bytes: 16 | 32 | 64 };
/** [base + index * scale + displacement]. */
export interface Place {
  readonly base: Register;
  readonly index: Register | null;
  readonly scale: 1 | 2 | 4 | 8;
  readonly displacement: number;
}
/** A place in the code; bound once by `here`. */
export type Label = { at: number | null };

export const rax: Register = { register: 0 };
export const rcx: Register = { register: 1 };
export const rdx: Register = { register: 2 };
export const rbx: Register = { register: 3 };
export const rsp: Register = { register: 4 };
export const rbp: Register = { register: 5 };
export const rsi: Register = { register: 6 };
export const rdi: Register = { register: 7 };
export const r8: Register = { register: 8 };
export const r9: Register = { register: 9 };
export const r10: Register = { register: 10 };
export const r11: Register = { register: 11 };
export const r12: Register = { register: 12 };
export const r13: Register = { register: 13 };
export const r14: Register = { register: 14 };
export const r15: Register = { register: 15 };

/** What the System V ABI (3.2.1) has a function leave as it was, rsp aside. */
export const CALLEE_SAVED: readonly Register[] = [rbx, rbp, r12, r13, r14, r15];

export const xmm = (vector: number): Vector => ({ vector, bytes: 16 });
export const zmm = (vector: number): Vector => ({ vector, bytes: 64 });

export function place(
  base: Register,
  displacement = 0,
  index: Register | null = null,
  scale: Place['scale'] = 1,
): Place {
  return { base, index, scale, displacement };
}

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

/** Opcode maps and mandatory prefixes, as EVEX counts them. */
const MAP_0F = 1;
const MAP_0F38 = 2;
const MAP_0F3A = 3;
const PREFIX_66 = 1;
const PREFIX_F3 = 2;
const PREFIX_F2 = 3;

/** The prefix's bits for mask register k1, and for zeros where it has none. */
const K1 = 0x01;
const K1_OR_ZERO = 0x81;

interface VectorCode {
  readonly map: number;
  readonly prefix: number;
  readonly wide?: boolean;
  readonly opcode: number;
  readonly mask?: number;
}

/** Appends instructions to its code. */
export class Assembler {
  readonly #code: number[] = [];
  readonly #jumps: { readonly from: number; readonly to: Label }[] = [];

  /** The code, all jumps resolved. Throws Error where a label was never bound. */
  finish(): Uint8Array {
    const code = Uint8Array.from(this.#code);
    const view = new DataView(code.buffer);
    for (const { from, to } of this.#jumps) {
      if (to.at === null) throw new Error('a jump leads to a label that is nowhere');
      view.setInt32(from, to.at - (from + 4), true);
    }
    return code;
  }

  /** Bytes so far. */
  get length(): number {
    return this.#code.length;
  }

  label(): Label {
    return { at: null };
  }

  /** Binds a label, a new one by default, to the next instruction. */
  here(label: Label = { at: null }): Label {
    label.at = this.#code.length;
    return label;
  }

  jump(to: Label): void {
    this.#code.push(0xe9);
    this.#relative(to);
  }

  jumpIf(condition: Condition, to: Label): void {
    this.#code.push(0x0f, 0x80 + CONDITIONS[condition]);
    this.#relative(to);
  }

  call(to: Label): void {
    this.#code.push(0xe8);
    this.#relative(to);
  }

  ret(): void {
    this.#code.push(0xc3);
  }

  push(source: Register): void {
    this.#short(0x50, source);
  }

  pop(target: Register): void {
    this.#short(0x58, target);
  }

  /** Copies 64 bits. */
  move(target: Register, source: Register | Place): void {
    this.#integer([0x8b], target.register, source);
  }

  store(target: Place, source: Register): void {
    this.#integer([0x89], source.register, target);
  }

  /** Loads 32 bits, the upper half becomes zero. */
  load32(target: Register, source: Place): void {
    this.#integer([0x8b], target.register, source, false);
  }

  /** Sets a register or 64 bits of memory to a signed number of 32 bits. */
  set(target: Register | Place, value: number): void {
    this.#integer([0xc7], 0, target);
    this.#number(value, 4);
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

  /** Sets the flags as `subtract` would. */
  compare(target: Register, source: Register | Place | number): void {
    this.#arithmetic(7, target, source);
  }

  multiply(target: Register, source: Register | Place): void {
    this.#integer([0x0f, 0xaf], target.register, source);
  }

  /** Shifts right, zeros come in; by what is in cl. */
  shiftRightByCl(target: Register): void {
    this.#integer([0xd3], 5, target);
  }

  shiftRight(target: Register, bits: number): void {
    this.#integer([0xc1], 5, target);
    this.#code.push(bits);
  }

  shiftLeft(target: Register, bits: number): void {
    this.#integer([0xc1], 4, target);
    this.#code.push(bits);
  }

  address(target: Register, of: Place): void {
    this.#integer([0x8d], target.register, of);
  }

  /** Asks for a cache line. */
  prefetch(line: Place): void {
    this.#integer([0x0f, 0x18], 1, line, false);
  }

  /** What a function that used wide vectors does last: without it, older instructions of the caller's are slow. */
  vzeroupper(): void {
    this.#code.push(0xc5, 0xf8, 0x77);
  }

  /** Loads a whole vector, aligned or not. */
  vload(target: Vector, source: Place | Vector): void {
    this.#vector({ map: MAP_0F, prefix: PREFIX_F3, opcode: 0x6f }, target.bytes, target.vector, 0, source);
  }

  vstore(target: Place, source: Vector): void {
    this.#vector({ map: MAP_0F, prefix: PREFIX_F3, opcode: 0x7f }, source.bytes, source.vector, 0, target);
  }

  /** 32-bit words: target = a + b. */
  vpaddd(target: Vector, a: Vector, b: Vector | Place): void {
    this.#vector({ map: MAP_0F, prefix: PREFIX_66, opcode: 0xfe }, target.bytes, target.vector, a.vector, b);
  }

  vpxord(target: Vector, a: Vector, b: Vector | Place): void {
    this.#vector({ map: MAP_0F, prefix: PREFIX_66, opcode: 0xef }, target.bytes, target.vector, a.vector, b);
  }

  /** 32-bit words rotated left. */
  vprold(target: Vector, source: Vector, bits: number): void {
    this.#vector({ map: MAP_0F, prefix: PREFIX_66, opcode: 0x72 }, target.bytes, 1, target.vector, source);
    this.#code.push(bits);
  }

  /** In each 16 bytes, words in the order that `order` gives, two bits for each. */
  vpshufd(target: Vector, source: Vector, order: number): void {
    this.#vector({ map: MAP_0F, prefix: PREFIX_66, opcode: 0x70 }, target.bytes, target.vector, 0, source);
    this.#code.push(order);
  }

  /** target = `into` with its 16 bytes number `lane` from memory. */
  vinserti32x4(target: Vector, into: Vector, source: Place, lane: number): void {
    this.#vector({ map: MAP_0F3A, prefix: PREFIX_66, opcode: 0x38 }, target.bytes, target.vector, into.vector, source);
    this.#code.push(lane);
  }

  /** Stores the 16 bytes number `lane`. */
  vextracti32x4(target: Place, source: Vector, lane: number): void {
    this.#vector({ map: MAP_0F3A, prefix: PREFIX_66, opcode: 0x39 }, source.bytes, source.vector, 0, target);
    this.#code.push(lane);
  }

  /** The 16 bytes of memory four times. */
  vbroadcasti32x4(target: Vector, source: Place): void {
    this.#vector({ map: MAP_0F38, prefix: PREFIX_66, opcode: 0x5a }, target.bytes, target.vector, 0, source);
  }

  /** 64-bit words: target = a + b. */
  vpaddq(target: Vector, a: Vector, b: Vector | Place): void {
    this.#vector(
      { map: MAP_0F, prefix: PREFIX_66, wide: true, opcode: 0xd4 },
      target.bytes,
      target.vector,
      a.vector,
      b,
    );
  }

  /** In each 16 bytes, bytes in the order that those of `order` give. */
  vpshufb(target: Vector, source: Vector, order: Vector): void {
    this.#vector({ map: MAP_0F38, prefix: PREFIX_66, opcode: 0x00 }, target.bytes, target.vector, source.vector, order);
  }

  /** A round of AES on each 16 bytes, then the round's key. */
  vaesenc(target: Vector, state: Vector, key: Vector): void {
    this.#vector({ map: MAP_0F38, prefix: PREFIX_66, opcode: 0xdc }, target.bytes, target.vector, state.vector, key);
  }

  /** The last round. */
  vaesenclast(target: Vector, state: Vector, key: Vector): void {
    this.#vector({ map: MAP_0F38, prefix: PREFIX_66, opcode: 0xdd }, target.bytes, target.vector, state.vector, key);
  }

  /** Loads the bytes that k1 names, zeros for the others, which are not touched. */
  vloadByK1(target: Vector, source: Place): void {
    const code = { map: MAP_0F, prefix: PREFIX_F2, opcode: 0x6f, mask: K1_OR_ZERO };
    this.#vector(code, target.bytes, target.vector, 0, source);
  }

  /** Stores the bytes that k1 names. */
  vstoreByK1(target: Place, source: Vector): void {
    this.#vector({ map: MAP_0F, prefix: PREFIX_F2, opcode: 0x7f, mask: K1 }, source.bytes, source.vector, 0, target);
  }

  /** 64-bit words: target = target ^ a ^ b. */
  vxor3(target: Vector, a: Vector, b: Vector): void {
    this.#ternary(target, a, b, 0x96);
  }

  /** 64-bit words: target = target | (a & b). */
  vorAnd(target: Vector, a: Vector, b: Vector): void {
    this.#ternary(target, a, b, 0xf8);
  }

  vpandq(target: Vector, a: Vector, b: Vector): void {
    this.#vector(
      { map: MAP_0F, prefix: PREFIX_66, wide: true, opcode: 0xdb },
      target.bytes,
      target.vector,
      a.vector,
      b,
    );
  }

  vporq(target: Vector, a: Vector, b: Vector): void {
    this.#vector(
      { map: MAP_0F, prefix: PREFIX_66, wide: true, opcode: 0xeb },
      target.bytes,
      target.vector,
      a.vector,
      b,
    );
  }

  /** In each 16 bytes: the lower eight of a and of b by turns. */
  vpunpcklbw(target: Vector, a: Vector, b: Vector): void {
    this.#vector({ map: MAP_0F, prefix: PREFIX_66, opcode: 0x60 }, target.bytes, target.vector, a.vector, b);
  }

  /** The same of the upper eight. */
  vpunpckhbw(target: Vector, a: Vector, b: Vector): void {
    this.#vector({ map: MAP_0F, prefix: PREFIX_66, opcode: 0x68 }, target.bytes, target.vector, a.vector, b);
  }

  /** Eight bytes of memory, again and again. */
  vpbroadcastq(target: Vector, source: Place): void {
    this.#vector(
      { map: MAP_0F38, prefix: PREFIX_66, wide: true, opcode: 0x59 },
      target.bytes,
      target.vector,
      0,
      source,
    );
  }

  /** Each byte of `source` times the matrix over GF(2) in the same eight bytes of `matrix`; row for bit i is byte 7 - i. */
  vgf2p8affineqb(target: Vector, source: Vector, matrix: Vector): void {
    const code = { map: MAP_0F3A, prefix: PREFIX_66, wide: true, opcode: 0xce };
    this.#vector(code, target.bytes, target.vector, source.vector, matrix);
    this.#code.push(0);
  }

  /** Mask register k1 = which bytes of `source` are zero. */
  zeroBytesToK1(source: Vector): void {
    this.#vector({ map: MAP_0F38, prefix: PREFIX_F3, opcode: 0x26 }, source.bytes, 1, source.vector, source);
  }

  /** The zero flag = k1 is empty. */
  testK1(): void {
    this.#code.push(0xc4, 0xe1, 0xf8, 0x98, 0xc9);
  }

  /** rax = k1. */
  k1ToRax(): void {
    this.#code.push(0xc4, 0xe1, 0xfb, 0x93, 0xc1);
  }

  /** k1 = rax. */
  raxToK1(): void {
    this.#code.push(0xc4, 0xe1, 0xfb, 0x92, 0xc8);
  }

  /** target = number of zero bits below the lowest that is set. */
  trailingZeros(target: Register, source: Register): void {
    this.#code.push(0xf3);
    this.#integer([0x0f, 0xbc], target.register, source);
  }

  #ternary(target: Vector, a: Vector, b: Vector, table: number): void {
    const code = { map: MAP_0F3A, prefix: PREFIX_66, wide: true, opcode: 0x25 };
    this.#vector(code, target.bytes, target.vector, a.vector, b);
    this.#code.push(table);
  }

  /** One of the eight two-operand instructions that share their encodings. */
  #arithmetic(which: number, target: Register, source: Register | Place | number): void {
    if (typeof source !== 'number') {
      this.#integer([8 * which + 3], target.register, source);
      return;
    }
    this.#integer([0x81], which, target);
    this.#number(source, 4);
  }

  #short(opcode: number, { register }: Register): void {
    if (register >= 8) this.#code.push(0x41);
    this.#code.push(opcode + (register & 7));
  }

  /** REX prefix, opcode, ModRM and what it needs. `field` is a register or part of the opcode. */
  #integer(opcode: readonly number[], field: number, operand: Register | Place, wide = true): void {
    const [rm, index] = 'register' in operand ? [operand.register, 0] : [operand.base.register, indexOf(operand)];
    const rex = 0x40 | (wide ? 8 : 0) | ((field >> 3) << 2) | ((index >> 3) << 1) | (rm >> 3);
    if (rex !== 0x40) this.#code.push(rex);
    this.#code.push(...opcode);
    this.#operand(field, operand);
  }

  /** EVEX prefix, opcode, ModRM and what it needs (section 2.7). `second` is the operand that the prefix names. */
  #vector(code: VectorCode, bytes: number, field: number, second: number, operand: Vector | Place): void {
    // Of five bits the upper two of an operand stand in the prefix; a vector's fifth where memory has its index.
    const [rm, over] =
      'vector' in operand ? [operand.vector, operand.vector >> 4] : [operand.base.register, indexOf(operand) >> 3];
    const inverted = (bit: number, at: number) => (~bit & 1) << at;
    this.#code.push(
      0x62,
      inverted(field >> 3, 7) | inverted(over, 6) | inverted(rm >> 3, 5) | inverted(field >> 4, 4) | code.map,
      (code.wide === true ? 0x80 : 0) | ((~second & 15) << 3) | 4 | code.prefix,
      ({ 16: 0, 32: 1, 64: 2 }[bytes]! << 5) | inverted(second >> 4, 3) | (code.mask ?? 0),
      code.opcode,
    );
    this.#operand(field, operand);
  }

  /** ModRM, SIB and a displacement of 32 bits: EVEX scales shorter ones. */
  #operand(field: number, operand: Register | Vector | Place): void {
    const reg = (field & 7) << 3;
    if ('register' in operand) this.#code.push(0xc0 | reg | (operand.register & 7));
    else if ('vector' in operand) this.#code.push(0xc0 | reg | (operand.vector & 7));
    else {
      const base = operand.base.register & 7;
      // 4 in the place of the base says that there is a SIB byte, and 4 in it that there is no index.
      if (operand.index === null && base !== 4) this.#code.push(0x80 | reg | base);
      else this.#code.push(0x84 | reg, (Math.log2(operand.scale) << 6) | ((indexOf(operand) & 7) << 3) | base);
      this.#number(operand.displacement, 4);
    }
  }

  #relative(to: Label): void {
    this.#jumps.push({ from: this.#code.length, to });
    this.#number(0, 4);
  }

  #number(value: number, bytes: number): void {
    for (let i = 0; i < bytes; i++) this.#code.push((value >> (8 * i)) & 0xff);
  }
}

/** The number of the index, or what stands for none. */
function indexOf({ index }: Place): number {
  if (index === null) return 4;
  if (index.register === 4) throw new Error('rsp cannot be an index');
  return index.register;
}
