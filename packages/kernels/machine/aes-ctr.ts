/**
 * AES-256 in counter mode (NIST SP 800-38A, 6.5) with VAES: four blocks in a vector, eight vectors abreast. The counter's upper
 * half does not move: the caller sees to it that the lower one does not overflow.
 */

import { COUNTER, IN_VECTOR, REVERSED, ROUND_KEYS, ROUNDS, VECTOR } from './aes-ctr-layout.ts';
import { Assembler, place, rax, rcx, rdi, rdx, rsi, xmm, zmm } from './assembler.ts';

const VECTOR_BYTES = 64;
const ABREAST = 8;

/** The caller's memory, what is encrypted, where it goes (maybe the same), and how many bytes are left. */
const [memory, from, to, left] = [rdi, rsi, rdx, rcx];
const [counter, vectorStep, reversed] = [zmm(0), zmm(14), zmm(31)];
const state = (i: number) => zmm(1 + i);
const roundKey = (round: number) => zmm(16 + round);

/** void crypt(memory, from, to, length), also for pointers: returns the code and where it begins. */
export function assembleAesCtr(): { code: Uint8Array; entries: Record<'crypt' | 'cryptAt', number> } {
  const x = new Assembler();
  for (let round = 0; round <= ROUNDS; round++) {
    x.vbroadcasti32x4(roundKey(round), place(memory, ROUND_KEYS + 16 * round));
  }
  x.vbroadcasti32x4(reversed, place(memory, REVERSED));
  x.vbroadcasti32x4(counter, place(memory, COUNTER));
  x.vpaddq(counter, counter, place(memory, IN_VECTOR));
  x.vload(vectorStep, place(memory, VECTOR));
  emitWhole(x, ABREAST);
  emitWhole(x, 1);
  emitRest(x);
  x.vstore(place(memory, COUNTER), xmm(counter.vector));
  x.vzeroupper();
  x.ret();
  return { code: x.finish(), entries: { crypt: 0, cryptAt: 0 } };
}

/** As long as there are `vectors` whole vectors. */
function emitWhole(x: Assembler, vectors: number): void {
  const [again, end] = [x.label(), x.label()];
  x.here(again);
  x.compare(left, vectors * VECTOR_BYTES);
  x.jumpIf('below', end);
  emitKeyStream(x, vectors);
  for (let i = 0; i < vectors; i++) {
    x.vpxord(state(i), state(i), place(from, i * VECTOR_BYTES));
    x.vstore(place(to, i * VECTOR_BYTES), state(i));
  }
  x.add(from, vectors * VECTOR_BYTES);
  x.add(to, vectors * VECTOR_BYTES);
  x.subtract(left, vectors * VECTOR_BYTES);
  x.jump(again);
  x.here(end);
}

/** What is left of a vector. */
function emitRest(x: Assembler): void {
  const none = x.label();
  x.compare(left, 0);
  x.jumpIf('equal', none);
  emitKeyStream(x, 1);
  // As many ones as there are bytes: 64 of them shifted by what is missing; a shift counts modulo 64.
  x.set(rax, 0);
  x.subtract(rax, left);
  x.move(rcx, rax);
  x.set(rax, -1);
  x.shiftRightByCl(rax);
  x.raxToK1();
  x.vloadByK1(zmm(2), place(from));
  x.vpxord(zmm(2), zmm(2), state(0));
  x.vstoreByK1(place(to), zmm(2));
  x.here(none);
}

/** Leaves the next `vectors` vectors of the key stream in `state`, and the counter behind them. */
function emitKeyStream(x: Assembler, vectors: number): void {
  const each = (action: (i: number) => void): void => {
    for (let i = 0; i < vectors; i++) action(i);
  };
  each((i) => {
    x.vpshufb(state(i), counter, reversed);
    x.vpaddq(counter, counter, vectorStep);
  });
  each((i) => x.vpxord(state(i), state(i), roundKey(0)));
  for (let round = 1; round < ROUNDS; round++) each((i) => x.vaesenc(state(i), state(i), roundKey(round)));
  each((i) => x.vaesenclast(state(i), state(i), roundKey(ROUNDS)));
}
