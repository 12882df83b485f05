/**
 * scryptROMix (RFC 7914, section 5) for four lanes at once: word w of a block of each lane shares a vector of AVX-512, or each two
 * lanes one of AVX2, and one pass of `mixes` does for the four what one lane would take. Salsa20/8 is one long chain of dependent
 * steps: its length is the time that a lane takes at least, and with four of them abreast that is hardly more.
 *
 * Blocks stand in the order of their diagonals, as in assembly/scrypt.ts. Of each lane's table only one entry in KEPT
 * is there, the others are made again when asked for. So lanes do not keep step: each does what is next for it.
 */

import {
  Assembler,
  type Label,
  type Place,
  place,
  type Register,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  rsp,
  type Vector,
  xmm,
  ymm,
  zmm,
} from './assembler.ts';
import {
  AT_HAND,
  AWAY,
  BETWEEN,
  FROM,
  HALF,
  KEPT,
  LANES,
  LEFT,
  MADE,
  MADE_NEXT,
  MASK,
  OTHER,
  RECORD_BYTES,
  RECORDS,
  SIZE,
  SPARE,
  STATE,
  TABLE,
  TO,
  ZEROS,
} from './scrypt-layout.ts';

const BLOCK = 64;
/** Words of a vector moved up by one, two and three places, round. */
const [UP1, UP2, UP3] = [0x93, 0x4e, 0x39] as const;

/** The same word of some lanes of four, from number `first` on: a vector for each of a quarter of a block's words. */
interface Lanes {
  readonly first: number;
  readonly words: readonly [Vector, Vector, Vector, Vector];
  /** Free for a step. */
  readonly spare: Vector;
  readonly other: Vector;
}

const lanesIn = (vector: (n: number) => Vector, first: number, word: number, spare: number): Lanes => ({
  first,
  words: [vector(word), vector(word + 1), vector(word + 2), vector(word + 3)],
  spare: vector(spare),
  other: vector(spare + 1),
});

/** With AVX-512 four lanes share a vector, and what words were is kept in others. */
const WIDE = { all: [lanesIn(zmm, 0, 0, 8)], before: (_: Lanes, word: number): Vector => zmm(4 + word) };
/** With AVX2 two of them do, and it is kept on the stack. */
const NARROW = {
  all: [lanesIn(ymm, 0, 0, 8), lanesIn(ymm, 2, 4, 10)],
  before: ({ first }: Lanes, word: number): Place => place(rsp, 64 * first + 32 * word),
};
type Vectors = typeof WIDE | typeof NARROW;
/** Bytes of the stack for NARROW; WIDE leaves them alone. */
const BEFORE_BYTES = 256;

/** Returns the code and where its functions begin. `bytes`: of a vector. */
export function assembleScrypt(bytes: 32 | 64): { code: Uint8Array; entries: Record<'fill' | 'walk', number> } {
  const x = new Assembler();
  const mixes = x.here();
  emitMixes(x, bytes === 64 ? WIDE : NARROW);
  const fill = x.here().at!;
  emitFill(x, mixes);
  const walk = x.here().at!;
  emitWalk(x, mixes);
  return { code: x.finish(), entries: { fill, walk } };
}

const record = (lane: number, field: number): number => RECORDS + lane * RECORD_BYTES + field;

/**
 * For each lane scryptBlockMix (RFC 7914, section 4) of FROM XOR OTHER into TO. rdi: the caller's numbers, kept. Changes
 * every other register.
 */
function emitMixes(x: Assembler, { all, before }: Vectors): void {
  const from = [rax, rcx, rdx, rbx];
  const other = [rsi, rbp, r8, r9];
  const to = [r10, r11, r12, r13];
  /** 64 i, and the same in the second half. */
  const [even, odd] = [r14, r15];
  const each = (action: (lanes: Lanes, word: number) => void): void => {
    for (let word = 0; word < 4; word++) for (const lanes of all) action(lanes, word);
  };

  for (let lane = 0; lane < LANES; lane++) {
    x.move(from[lane]!, place(rdi, record(lane, FROM)));
    x.move(other[lane]!, place(rdi, record(lane, OTHER)));
    x.move(to[lane]!, place(rdi, record(lane, TO)));
  }
  x.push(rdi);
  // The last block comes first.
  x.move(odd, place(rdi, HALF));
  x.subtract(rsp, BEFORE_BYTES);
  x.set(even, 0);
  each((lanes, w) => loadBoth(x, lanes, lanes.words[w]!, from, other, odd, 16 * w - BLOCK));
  const pair = x.here();
  for (const [block, out] of [even, odd].entries()) {
    each((lanes, w) => {
      const word = lanes.words[w]!;
      loadBoth(x, lanes, lanes.spare, from, other, even, BLOCK * block + 16 * w);
      x.vpxor(word, word, lanes.spare);
      const kept = before(lanes, w);
      if ('vector' in kept) x.vload(kept, word);
      else x.vstore(kept, word);
    });
    for (let double = 0; double < 4; double++) emitDoubleRound(x, all);
    each((lanes, w) => {
      const word = lanes.words[w]!;
      x.vpaddd(word, word, before(lanes, w));
      for (let i = 0; i < word.bytes / 16; i++) x.vextract16(place(to[lanes.first + i]!, 16 * w, out), word, i);
    });
  }
  x.add(even, BLOCK);
  x.add(odd, BLOCK);
  x.move(rdi, place(rsp, BEFORE_BYTES));
  x.compare(even, place(rdi, HALF));
  x.jumpIf('below', pair);
  x.add(rsp, BEFORE_BYTES);
  x.pop(rdi);
  x.ret();
}

/** target = 16 bytes of each lane, both sources XORed. `at`: 64 i; blocks come in pairs. */
function loadBoth(
  x: Assembler,
  { first, other: spare }: Lanes,
  target: Vector,
  from: readonly Register[],
  other: readonly Register[],
  at: Register,
  offset: number,
): void {
  for (const [vector, bases] of [
    [target, from],
    [spare, other],
  ] as const) {
    const source = (lane: number): Place => place(bases[first + lane]!, offset, at, 2);
    x.vload(xmm(vector.vector), source(0));
    for (let lane = 1; lane < vector.bytes / 16; lane++) x.vinsert16(vector, vector, source(lane), lane);
  }
  x.vpxor(target, target, spare);
}

/** A column round and a row round of Salsa20 (RFC 7914, section 3), on diagonals; of all lanes side by side. */
function emitDoubleRound(x: Assembler, all: readonly Lanes[]): void {
  /** Words by their numbers: word ^= (p + q) <<< bits */
  const turn = (word: number, p: number, q: number, bits: number): void => {
    for (const { words, spare } of all) x.vpaddd(spare, words[p]!, words[q]!);
    for (const lanes of all) emitXorOfRotated(x, lanes, lanes.words[word]!, bits);
  };
  const shuffle = (...orders: readonly number[]): void => {
    for (const { words } of all)
      for (const [i, order] of orders.entries()) x.vpshufd(words[i + 1]!, words[i + 1]!, order);
  };
  turn(1, 0, 3, 7);
  turn(2, 1, 0, 9);
  turn(3, 2, 1, 13);
  turn(0, 3, 2, 18);
  shuffle(UP1, UP2, UP3);
  turn(3, 0, 1, 7);
  turn(2, 3, 0, 9);
  turn(1, 2, 3, 13);
  turn(0, 1, 2, 18);
  shuffle(UP3, UP2, UP1);
}

/** word ^= spare <<< bits */
function emitXorOfRotated(x: Assembler, { spare, other }: Lanes, word: Vector, bits: number): void {
  if (word.bytes === 64) x.vprold(spare, spare, bits);
  else {
    x.vpslld(other, spare, bits);
    x.vpsrld(spare, spare, 32 - bits);
    x.vpxor(word, word, other);
  }
  x.vpxor(word, word, spare);
}

/** void fill(numbers, entries): every lane's state moves on by `entries` entries of its table. */
function emitFill(x: Assembler, mixes: Label): void {
  const [numbers, entries, mix] = [rdi, place(rsp, 0), place(rsp, 8)];
  const field = (lane: number, offset: number): Place => place(numbers, record(lane, offset));
  x.enter();
  x.push(rax);
  x.push(rsi);
  const entry = x.here();
  x.move(rax, place(numbers, BETWEEN));
  x.store(mix, rax);
  // STATE is the entry; mixes go to and fro between the two made ones, and the last one to the next entry.
  for (let lane = 0; lane < LANES; lane++) {
    copy(x, field(lane, FROM), field(lane, STATE));
    x.add(rdx, place(numbers, SIZE));
    x.store(field(lane, STATE), rdx);
    copy(x, field(lane, OTHER), place(numbers, ZEROS));
    copy(x, field(lane, TO), field(lane, MADE));
  }
  const next = x.here();
  const last = x.label();
  x.move(rax, mix);
  x.subtract(rax, 1);
  x.store(mix, rax);
  x.jumpIf('negative', last);
  x.call(mixes);
  for (let lane = 0; lane < LANES; lane++) {
    copy(x, field(lane, FROM), field(lane, TO));
    swapMade(x, numbers, record(lane, 0));
    copy(x, field(lane, TO), field(lane, MADE));
  }
  x.jump(next);
  x.here(last);
  for (let lane = 0; lane < LANES; lane++) copy(x, field(lane, TO), field(lane, STATE));
  x.call(mixes);
  x.move(rax, entries);
  x.subtract(rax, 1);
  x.store(entries, rax);
  x.jumpIf('notEqual', entry);
  x.pop(rsi);
  x.pop(rax);
  x.leave();
}

/** uint64_t walk(numbers, passes): up to `passes` passes of `mixes`. Returns how many the lanes have left, all together. */
function emitWalk(x: Assembler, mixes: Label): void {
  const [numbers, passes] = [rdi, place(rsp, 0)];
  x.enter();
  x.push(rsi);
  const pass = x.here();
  for (let lane = 0; lane < LANES; lane++) emitNextStep(x, numbers, lane);
  x.call(mixes);
  x.move(rax, place(numbers, record(0, LEFT)));
  for (let lane = 1; lane < LANES; lane++) x.add(rax, place(numbers, record(lane, LEFT)));
  const done = x.label();
  x.compare(rax, 0);
  x.jumpIf('equal', done);
  x.move(rcx, passes);
  x.subtract(rcx, 1);
  x.store(passes, rcx);
  x.jumpIf('notEqual', pass);
  x.here(done);
  x.pop(rsi);
  x.leave();
}

/** Sets up what the next pass of `mixes` does for a lane: an entry made again, or a pass of its own. */
function emitNextStep(x: Assembler, numbers: Register, lane: number): void {
  const field = (offset: number): Place => place(numbers, record(lane, offset));
  const [isChosen, passes, ready] = [x.label(), x.label(), x.label()];
  x.move(rax, field(AWAY));
  x.compare(rax, 0);
  x.jumpIf('notNegative', isChosen);
  emitChoice(x, numbers, field);

  x.here(isChosen);
  x.compare(rax, 0);
  x.jumpIf('equal', passes);
  x.subtract(rax, 1);
  x.store(field(AWAY), rax);
  copy(x, field(FROM), field(AT_HAND));
  copy(x, field(OTHER), place(numbers, ZEROS));
  copy(x, field(TO), field(MADE));
  copy(x, field(AT_HAND), field(MADE));
  swapMade(x, numbers, record(lane, 0));
  x.jump(ready);

  x.here(passes);
  x.set(field(AWAY), -1);
  copy(x, field(FROM), field(STATE));
  copy(x, field(OTHER), field(AT_HAND));
  copy(x, field(TO), field(SPARE));
  // A lane that is through goes on into its spare state, which nobody looks at.
  x.move(rcx, field(LEFT));
  x.subtract(rcx, 1);
  x.jumpIf('below', ready);
  x.store(field(LEFT), rcx);
  x.move(rcx, field(STATE));
  copy(x, field(STATE), field(SPARE));
  x.store(field(SPARE), rcx);
  x.here(ready);
}

/** Integerify (RFC 7914, section 5): the number at the start of the state's last block. Leaves AWAY in rax. */
function emitChoice(x: Assembler, numbers: Register, field: (offset: number) => Place): void {
  x.move(rdx, field(STATE));
  x.move(rcx, place(numbers, SIZE));
  x.load32(rax, place(rdx, -BLOCK, rcx));
  x.and(rax, place(numbers, MASK));
  x.set(rdx, 0);
  x.divide(place(numbers, KEPT));
  x.store(field(AWAY), rdx);
  x.multiply(rax, place(numbers, SIZE));
  x.add(rax, field(TABLE));
  x.store(field(AT_HAND), rax);
  // All its cache lines at once, instead of each when its turn comes.
  x.move(rcx, place(numbers, SIZE));
  x.add(rcx, rax);
  const line = x.here();
  x.prefetch(place(rax));
  x.add(rax, BLOCK);
  x.compare(rax, rcx);
  x.jumpIf('below', line);
  x.move(rax, rdx);
}

function swapMade(x: Assembler, numbers: Register, lane: number): void {
  x.move(rax, place(numbers, lane + MADE));
  x.move(rcx, place(numbers, lane + MADE_NEXT));
  x.store(place(numbers, lane + MADE), rcx);
  x.store(place(numbers, lane + MADE_NEXT), rax);
}

/** Leaves what was copied in rdx. */
function copy(x: Assembler, target: Place, source: Place): void {
  x.move(rdx, source);
  x.store(target, rdx);
}
