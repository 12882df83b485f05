/** The assembler of this folder: integers, and on top the vector instructions that its kernels use. */

import { IntegerAssembler } from './integers.ts';
import { CALLEE_SAVED, type Place, type Register, type Vector } from './operands.ts';

export type { Label } from './encoder.ts';
export * from './operands.ts';

/** Opcode maps and mandatory prefixes, as VEX and EVEX count them. */
const MAP_0F = 1;
const MAP_0F38 = 2;
const MAP_0F3A = 3;
const PREFIX_66 = 1;
const PREFIX_F3 = 2;
const PREFIX_F2 = 3;

/** The bits of EVEX for mask register k1, for zeros where it has none, and for one word of memory in the place of a vector. */
const K1 = 0x01;
const K1_OR_ZERO = 0x81;
const ONE_WORD = 0x10;

export class Assembler extends IntegerAssembler {
  /** Begins a function that may change every register. */
  enter(): void {
    for (const register of CALLEE_SAVED) this.push(register);
  }

  /** Ends it; what it returns is in rax. */
  leave(): void {
    this.vzeroupper();
    this.leaveIntegers();
  }

  /** The same for one that has used no vector: not every processor has the instruction that ends their use. */
  leaveIntegers(): void {
    for (const register of [...CALLEE_SAVED].reverse()) this.pop(register);
    this.ret();
  }

  /** Loads a whole vector, aligned or not. */
  vload(target: Vector, source: Place | Vector): void {
    this.vector({ map: MAP_0F, prefix: PREFIX_F3, opcode: 0x6f }, target.bytes, target.vector, 0, source);
  }

  vstore(target: Place, source: Vector): void {
    this.vector({ map: MAP_0F, prefix: PREFIX_F3, opcode: 0x7f }, source.bytes, source.vector, 0, target);
  }

  /** 32-bit words: target = a + b. */
  vpaddd(target: Vector, a: Vector, b: Vector | Place): void {
    this.vector({ map: MAP_0F, prefix: PREFIX_66, opcode: 0xfe }, target.bytes, target.vector, a.vector, b);
  }

  /** 32-bit words: target = a + the one word in memory. */
  vpadddOf(target: Vector, a: Vector, word: Place): void {
    const code = { map: MAP_0F, prefix: PREFIX_66, opcode: 0xfe, flags: ONE_WORD, only: 'evex' } as const;
    this.vector(code, target.bytes, target.vector, a.vector, word);
  }

  /** 64-bit words: target = a + b. */
  vpaddq(target: Vector, a: Vector, b: Vector | Place): void {
    this.vector({ map: MAP_0F, prefix: PREFIX_66, wide: true, opcode: 0xd4 }, target.bytes, target.vector, a.vector, b);
  }

  vpxor(target: Vector, a: Vector, b: Vector | Place): void {
    this.vector({ map: MAP_0F, prefix: PREFIX_66, opcode: 0xef }, target.bytes, target.vector, a.vector, b);
  }

  vpand(target: Vector, a: Vector, b: Vector | Place): void {
    this.vector({ map: MAP_0F, prefix: PREFIX_66, wide: true, opcode: 0xdb }, target.bytes, target.vector, a.vector, b);
  }

  vpor(target: Vector, a: Vector, b: Vector): void {
    this.vector({ map: MAP_0F, prefix: PREFIX_66, wide: true, opcode: 0xeb }, target.bytes, target.vector, a.vector, b);
  }

  /** 64-bit words: target = target ^ a ^ b. */
  vxor3(target: Vector, a: Vector, b: Vector): void {
    this.#ternary(target, a, b, 0x96);
  }

  /** Bit for bit: target = target ? a : b. */
  vselect(target: Vector, a: Vector, b: Vector): void {
    this.#ternary(target, a, b, 0xca);
  }

  /** Bit for bit: what two or three of target, a and b have. */
  vmajority(target: Vector, a: Vector, b: Vector): void {
    this.#ternary(target, a, b, 0xe8);
  }

  /** 64-bit words: target = target | (a & b). */
  vorAnd(target: Vector, a: Vector, b: Vector): void {
    this.#ternary(target, a, b, 0xf8);
  }

  /** 32-bit words rotated left. */
  vprold(target: Vector, source: Vector, bits: number): void {
    const code = { map: MAP_0F, prefix: PREFIX_66, opcode: 0x72, only: 'evex' } as const;
    this.vector(code, target.bytes, 1, target.vector, source);
    this.append(bits);
  }

  /** 32-bit words shifted right, zeros come in. */
  vpsrld(target: Vector, source: Vector, bits: number): void {
    this.#shift(0x72, 2, target, source, bits);
  }

  /** The same to the left. */
  vpslld(target: Vector, source: Vector, bits: number): void {
    this.#shift(0x72, 6, target, source, bits);
  }

  /** 16-bit words shifted right, zeros come in. */
  vpsrlw(target: Vector, source: Vector, bits: number): void {
    this.#shift(0x71, 2, target, source, bits);
  }

  /** The same to the left. */
  vpsllw(target: Vector, source: Vector, bits: number): void {
    this.#shift(0x71, 6, target, source, bits);
  }

  /** Each byte all ones where a and b have the same. */
  vpcmpeqb(target: Vector, a: Vector, b: Vector): void {
    const code = { map: MAP_0F, prefix: PREFIX_66, opcode: 0x74, only: 'vex' } as const;
    this.vector(code, target.bytes, target.vector, a.vector, b);
  }

  /** The highest bit of each byte; the upper half becomes zero. */
  vpmovmskb(target: Register, source: Vector): void {
    const code = { map: MAP_0F, prefix: PREFIX_66, opcode: 0xd7, only: 'vex' } as const;
    this.vector(code, source.bytes, target.register, 0, source);
  }

  /** In each 16 bytes, words in the order that `order` gives, two bits for each. */
  vpshufd(target: Vector, source: Vector, order: number): void {
    this.vector({ map: MAP_0F, prefix: PREFIX_66, opcode: 0x70 }, target.bytes, target.vector, 0, source);
    this.append(order);
  }

  /** In each 16 bytes, bytes in the order that those of `order` give. */
  vpshufb(target: Vector, source: Vector, order: Vector): void {
    this.vector({ map: MAP_0F38, prefix: PREFIX_66, opcode: 0x00 }, target.bytes, target.vector, source.vector, order);
  }

  /** In each 16 bytes: the lower eight of a and of b by turns. */
  vpunpcklbw(target: Vector, a: Vector, b: Vector): void {
    this.vector({ map: MAP_0F, prefix: PREFIX_66, opcode: 0x60 }, target.bytes, target.vector, a.vector, b);
  }

  /** The same of the upper eight. */
  vpunpckhbw(target: Vector, a: Vector, b: Vector): void {
    this.vector({ map: MAP_0F, prefix: PREFIX_66, opcode: 0x68 }, target.bytes, target.vector, a.vector, b);
  }

  /** In each 16 bytes: the lower two 32-bit words of a and of b by turns. */
  vpunpckldq(target: Vector, a: Vector, b: Vector): void {
    this.vector({ map: MAP_0F, prefix: PREFIX_66, opcode: 0x62 }, target.bytes, target.vector, a.vector, b);
  }

  /** The same of the upper two. */
  vpunpckhdq(target: Vector, a: Vector, b: Vector): void {
    this.vector({ map: MAP_0F, prefix: PREFIX_66, opcode: 0x6a }, target.bytes, target.vector, a.vector, b);
  }

  /** In each 16 bytes: the lower 64-bit word of a, then that of b. */
  vpunpcklqdq(target: Vector, a: Vector, b: Vector): void {
    const code = { map: MAP_0F, prefix: PREFIX_66, wide: true, opcode: 0x6c };
    this.vector(code, target.bytes, target.vector, a.vector, b);
  }

  /** The same of the upper ones. */
  vpunpckhqdq(target: Vector, a: Vector, b: Vector): void {
    const code = { map: MAP_0F, prefix: PREFIX_66, wide: true, opcode: 0x6d };
    this.vector(code, target.bytes, target.vector, a.vector, b);
  }

  /** target = `into` with its 16 bytes number `lane` from memory. */
  vinsert16(target: Vector, into: Vector, source: Place, lane: number): void {
    this.vector({ map: MAP_0F3A, prefix: PREFIX_66, opcode: 0x38 }, target.bytes, target.vector, into.vector, source);
    this.append(lane);
  }

  /** Stores the 16 bytes number `lane`. */
  vextract16(target: Place, source: Vector, lane: number): void {
    this.vector({ map: MAP_0F3A, prefix: PREFIX_66, opcode: 0x39 }, source.bytes, source.vector, 0, target);
    this.append(lane);
  }

  /** The 16 bytes of memory, as often as the vector has room for them. */
  vbroadcast16(target: Vector, source: Place): void {
    if (target.bytes === 16) this.vload(target, source);
    else this.vector({ map: MAP_0F38, prefix: PREFIX_66, opcode: 0x5a }, target.bytes, target.vector, 0, source);
  }

  /** Eight bytes of memory, again and again. */
  vpbroadcastq(target: Vector, source: Place): void {
    this.vector({ map: MAP_0F38, prefix: PREFIX_66, wide: true, opcode: 0x59 }, target.bytes, target.vector, 0, source);
  }

  /** Each byte of `source` times the matrix over GF(2) in the same eight bytes of `matrix`; row for bit i is byte 7 - i. */
  vgf2p8affineqb(target: Vector, source: Vector, matrix: Vector): void {
    const code = { map: MAP_0F3A, prefix: PREFIX_66, wide: true, opcode: 0xce, only: 'evex' } as const;
    this.vector(code, target.bytes, target.vector, source.vector, matrix);
    this.append(0);
  }

  /** A round of AES on each 16 bytes, then the round's key. */
  vaesenc(target: Vector, state: Vector, key: Vector): void {
    this.vector({ map: MAP_0F38, prefix: PREFIX_66, opcode: 0xdc }, target.bytes, target.vector, state.vector, key);
  }

  /** The last round. */
  vaesenclast(target: Vector, state: Vector, key: Vector): void {
    this.vector({ map: MAP_0F38, prefix: PREFIX_66, opcode: 0xdd }, target.bytes, target.vector, state.vector, key);
  }

  /** Mask register k1 = which bytes of `source` are zero. */
  zeroBytesToK1(source: Vector): void {
    const code = { map: MAP_0F38, prefix: PREFIX_F3, opcode: 0x26, only: 'evex' } as const;
    this.vector(code, source.bytes, 1, source.vector, source);
  }

  /** The zero flag = k1 is empty. */
  testK1(): void {
    this.append(0xc4, 0xe1, 0xf8, 0x98, 0xc9);
  }

  /** rax = k1. */
  k1ToRax(): void {
    this.append(0xc4, 0xe1, 0xfb, 0x93, 0xc1);
  }

  /** k1 = rax. */
  raxToK1(): void {
    this.append(0xc4, 0xe1, 0xfb, 0x92, 0xc8);
  }

  /** Loads the bytes that k1 names, zeros for the others, which are not touched. */
  vloadByK1(target: Vector, source: Place): void {
    const code = { map: MAP_0F, prefix: PREFIX_F2, opcode: 0x6f, flags: K1_OR_ZERO, only: 'evex' } as const;
    this.vector(code, target.bytes, target.vector, 0, source);
  }

  /** Stores the bytes that k1 names. */
  vstoreByK1(target: Place, source: Vector): void {
    const code = { map: MAP_0F, prefix: PREFIX_F2, opcode: 0x7f, flags: K1, only: 'evex' } as const;
    this.vector(code, source.bytes, source.vector, 0, target);
  }

  /** What a function that used wide vectors does last: without it, older instructions of the caller's are slow. */
  vzeroupper(): void {
    this.append(0xc5, 0xf8, 0x77);
  }

  #shift(opcode: number, which: number, target: Vector, source: Vector, bits: number): void {
    this.vector({ map: MAP_0F, prefix: PREFIX_66, opcode }, target.bytes, which, target.vector, source);
    this.append(bits);
  }

  #ternary(target: Vector, a: Vector, b: Vector, table: number): void {
    const code = { map: MAP_0F3A, prefix: PREFIX_66, wide: true, opcode: 0x25, only: 'evex' } as const;
    this.vector(code, target.bytes, target.vector, a.vector, b);
    this.append(table);
  }
}
