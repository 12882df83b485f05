/**
 * AES-256 in counter mode (NIST SP 800-38A, 6.5): one block in a vector (AES-NI, AVX), two (VAES) or four (VAES, AVX-512), eight
 * vectors abreast. The counter's upper half does not move: the caller sees to it that the lower one does not overflow.
 */

import { COUNTER, IN_VECTOR, KEY_STREAM, REVERSED, ROUND_KEYS, ROUNDS, VECTOR } from './aes-ctr-layout.ts';
import { Assembler, place, r8, r9, rax, rcx, rdi, rdx, rsi, type Vector, xmm, ymm, zmm } from './assembler.ts';

const ABREAST = 8;

/** The caller's memory, what is encrypted, where it goes (maybe the same), and how many bytes are left. */
const [memory, from, to, left] = [rdi, rsi, rdx, rcx];
/** For what is left of a vector. */
const [at, byte, key] = [r8, rax, r9];

/** void crypt(memory, from, to, length), also for pointers: returns the code and where it begins. `bytes`: of a vector. */
export function assembleAesCtr(bytes: Vector['bytes']): {
  code: Uint8Array;
  entries: Record<'crypt' | 'cryptAt', number>;
} {
  const x = new Assembler();
  const use = bytes === 64 ? allRegisters(x) : fewRegisters(x, bytes === 32 ? ymm : xmm);
  x.vbroadcast16(use.reversed, place(memory, REVERSED));
  x.vbroadcast16(use.counter, place(memory, COUNTER));
  x.vpaddq(use.counter, use.counter, place(memory, IN_VECTOR));
  x.vload(use.vectorStep, place(memory, VECTOR));
  emitWhole(x, use, ABREAST);
  emitWhole(x, use, 1);
  emitRest(x, use);
  x.vstore(place(memory, COUNTER), xmm(use.counter.vector));
  x.vzeroupper();
  x.ret();
  return { code: x.finish(), entries: { crypt: 0, cryptAt: 0 } };
}

/** Which registers are used for what. */
interface Registers {
  readonly counter: Vector;
  readonly vectorStep: Vector;
  readonly reversed: Vector;
  readonly state: (i: number) => Vector;
  /** The key of a round, brought where the next instruction has it. */
  readonly roundKey: (round: number) => Vector;
}

/** All round keys stay in registers. */
function allRegisters(x: Assembler): Registers {
  const roundKey = (round: number) => zmm(16 + round);
  for (let round = 0; round <= ROUNDS; round++) x.vbroadcast16(roundKey(round), place(memory, ROUND_KEYS + 16 * round));
  return { counter: zmm(0), vectorStep: zmm(14), reversed: zmm(31), state: (i) => zmm(1 + i), roundKey };
}

/** With sixteen registers each round brings its key anew, for eight vectors at a time. */
function fewRegisters(x: Assembler, vector: (n: number) => Vector): Registers {
  const roundKey = (round: number) => {
    const key = vector(9 + (round % 4));
    x.vbroadcast16(key, place(memory, ROUND_KEYS + 16 * round));
    return key;
  };
  return { counter: vector(0), vectorStep: vector(14), reversed: vector(15), state: (i) => vector(1 + i), roundKey };
}

/** As long as there are `vectors` whole vectors. */
function emitWhole(x: Assembler, use: Registers, vectors: number): void {
  const { state } = use;
  const { bytes } = use.counter;
  const [again, end] = [x.label(), x.label()];
  x.here(again);
  x.compare(left, vectors * bytes);
  x.jumpIf('below', end);
  emitKeyStream(x, use, vectors);
  for (let i = 0; i < vectors; i++) {
    x.vpxor(state(i), state(i), place(from, i * bytes));
    x.vstore(place(to, i * bytes), state(i));
  }
  x.add(from, vectors * bytes);
  x.add(to, vectors * bytes);
  x.subtract(left, vectors * bytes);
  x.jump(again);
  x.here(end);
}

/** What is left of a vector. */
function emitRest(x: Assembler, use: Registers): void {
  const none = x.label();
  x.compare(left, 0);
  x.jumpIf('equal', none);
  emitKeyStream(x, use, 1);
  if (use.counter.bytes === 64) emitByMask(x, use.state(0));
  else emitByBytes(x, use.state(0));
  x.here(none);
}

/** The bytes that are left, in part of a vector. */
function emitByMask(x: Assembler, keyStream: Vector): void {
  // As many ones as there are bytes: 64 of them shifted by what is missing; a shift counts modulo 64.
  x.set(rax, 0);
  x.subtract(rax, left);
  x.move(rcx, rax);
  x.set(rax, -1);
  x.shiftRightByCl(rax);
  x.raxToK1();
  x.vloadByK1(zmm(2), place(from));
  x.vpxor(zmm(2), zmm(2), keyStream);
  x.vstoreByK1(place(to), zmm(2));
}

/** The same without masks: the key stream goes to memory, and is used byte by byte. */
function emitByBytes(x: Assembler, keyStream: Vector): void {
  x.vstore(place(memory, KEY_STREAM), keyStream);
  x.set(at, 0);
  const again = x.here();
  x.load8(byte, place(from, 0, at));
  x.load8(key, place(memory, KEY_STREAM, at));
  x.xor(byte, key);
  x.store8(place(to, 0, at), byte);
  x.add(at, 1);
  x.compare(at, left);
  x.jumpIf('below', again);
}

/** Leaves the next `vectors` vectors of the key stream in `state`, and the counter behind them. */
function emitKeyStream(x: Assembler, use: Registers, vectors: number): void {
  const { counter, vectorStep, reversed, state, roundKey } = use;
  const each = (action: (i: number) => void): void => {
    for (let i = 0; i < vectors; i++) action(i);
  };
  each((i) => {
    x.vpshufb(state(i), counter, reversed);
    x.vpaddq(counter, counter, vectorStep);
  });
  for (let round = 0; round <= ROUNDS; round++) {
    const key = roundKey(round);
    each((i) => {
      if (round === 0) x.vpxor(state(i), state(i), key);
      else if (round < ROUNDS) x.vaesenc(state(i), state(i), key);
      else x.vaesenclast(state(i), state(i), key);
    });
  }
}
