/**
 * How instructions of x86-64 become bytes: prefixes, ModRM, labels. Vector instructions are written in AVX's form (VEX) where that
 * can say it, else in AVX-512's (EVEX). Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, chapter 2.
 */
import type { Place, Register, Vector } from './operands.ts';

/** A place in the code; bound once by `here`. */
export type Label = { at: number | null };

/**
 * A vector instruction: opcode map, mandatory prefix as VEX and EVEX count it, opcode; whether EVEX says that words have 64 bits (of
 * what is here, nothing in VEX does); what else stands in the last byte of EVEX. `only`: the other has no such
 * instruction.
 */
export interface VectorCode {
  readonly map: number;
  readonly prefix: number;
  readonly wide?: boolean;
  readonly opcode: number;
  readonly flags?: number;
  readonly only?: 'vex' | 'evex';
}

export class Encoder {
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

  label(): Label {
    return { at: null };
  }

  /** Binds a label, a new one by default, to the next instruction. */
  here(label: Label = { at: null }): Label {
    label.at = this.#code.length;
    return label;
  }

  protected append(...bytes: number[]): void {
    this.#code.push(...bytes);
  }

  /** Four bytes that become the distance to a label. */
  protected relative(to: Label): void {
    this.#jumps.push({ from: this.#code.length, to });
    this.number(0, 4);
  }

  /** Appends a little-endian number. */
  protected number(value: number, bytes: number): void {
    for (let i = 0; i < bytes; i++) this.#code.push((value >> (8 * i)) & 0xff);
  }

  /** REX prefix, opcode, ModRM and what it needs. `field` is a register or part of the opcode. */
  protected integer(opcode: readonly number[], field: number, operand: Register | Place, wide = true): void {
    const [rm, index] = 'register' in operand ? [operand.register, 0] : [operand.base.register, indexOf(operand)];
    const rex = 0x40 | (wide ? 8 : 0) | ((field >> 3) << 2) | ((index >> 3) << 1) | (rm >> 3);
    if (rex !== 0x40) this.#code.push(rex);
    this.#code.push(...opcode);
    this.#operand(field, operand);
  }

  /** Prefix, opcode, ModRM and what it needs. `second` is the operand that the prefix names. */
  protected vector(
    code: VectorCode,
    bytes: Vector['bytes'],
    field: number,
    second: number,
    operand: Vector | Place,
  ): void {
    const highest = Math.max(field, second, 'vector' in operand ? operand.vector : 0);
    const fits = bytes < 64 && highest < 16;
    if (fits && code.only !== 'evex') this.#vex(code, bytes, field, second, operand);
    else if (code.only !== 'vex') this.#evex(code, bytes, field, second, operand);
    else throw new Error('this instruction has no wider form');
    this.#code.push(code.opcode);
    this.#operand(field, operand);
  }

  /** Three bytes (section 2.3.5). */
  #vex({ map, prefix }: VectorCode, bytes: number, field: number, second: number, operand: Vector | Place): void {
    const [rm, index] = 'vector' in operand ? [operand.vector, 0] : [operand.base.register, indexOf(operand)];
    this.#code.push(
      0xc4,
      inverted(field >> 3, 7) | inverted(index >> 3, 6) | inverted(rm >> 3, 5) | map,
      ((~second & 15) << 3) | (bytes === 32 ? 4 : 0) | prefix,
    );
  }

  /** Four bytes (section 2.7). */
  #evex(code: VectorCode, bytes: number, field: number, second: number, operand: Vector | Place): void {
    // Of five bits the upper two of an operand stand in the prefix; a vector's fifth where memory has its index.
    const [rm, over] =
      'vector' in operand ? [operand.vector, operand.vector >> 4] : [operand.base.register, indexOf(operand) >> 3];
    this.#code.push(
      0x62,
      inverted(field >> 3, 7) | inverted(over, 6) | inverted(rm >> 3, 5) | inverted(field >> 4, 4) | code.map,
      (code.wide === true ? 0x80 : 0) | ((~second & 15) << 3) | 4 | code.prefix,
      (bytes === 64 ? 0x40 : bytes === 32 ? 0x20 : 0) | inverted(second >> 4, 3) | (code.flags ?? 0),
    );
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
      this.number(operand.displacement, 4);
    }
  }
}

/** The number of the index, or what stands for none. */
function indexOf({ index }: Place): number {
  if (index === null) return 4;
  if (index.register === 4) throw new Error('rsp cannot be an index');
  return index.register;
}

/** A bit as prefixes of vectors have it. */
function inverted(bit: number, at: number): number {
  return (~bit & 1) << at;
}
