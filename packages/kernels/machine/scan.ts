/**
 * The chunk scan in machine code: the fingerprint on many stretches at once, one in each byte of a vector.
 *
 * As in assembly/scan-simd.ts the fingerprint d (53 bits) is kept as e = d * x^3 modulo p * x^3, seven vectors of bytes e0 to
 * e6. A step by one byte moves whole vectors; what falls out at the top and what leaves the window come back as linear images
 * over GF(2). How those are had, and how bytes are brought into the order of lanes, is for a kind of vectors: scan-gfni.ts,
 * scan-nibbles.ts.
 *
 * A square is 64 columns of all lanes; the square before it holds the bytes that leave.
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
  type Vector,
} from './assembler.ts';
import { COLUMNS, DIGEST, SQUARES, STRETCH } from './scan-layout.ts';

export const DIGEST_BYTES = 7;

/** The caller's memory. */
export const memory: Register = rdi;
/** The positions after `from`, up to `to`, are still to be scanned. */
const from = rsi;
const to = rdx;
/** Bytes of each stretch of this block, and 16 and 48 of them. */
export const stretch: Register = r8;
export const stretches16: Register = r14;
export const stretches48: Register = r15;
/** First byte of the next square in the first lane. */
export const row: Register = r9;
/** Squares of the block that are left. */
const squares = r10;
/** The square that enters, and the one that leaves. */
export const entering: Register = r11;
const leaving = rbx;
/** Positions of each stretch before this square. */
const passed = r12;
/** Lowest hit so far. */
const best = rbp;
/** Free for a kind while it transposes; where the columns are in a square while the fingerprint moves. */
export const at: Register = r13;

/** What is done with vectors. Besides those of vectors, rax, rcx and `at` are free there unless it is said what is in them. */
export interface ScanVectors {
  /** The first seven hold the fingerprint. */
  readonly register: (number: number) => Vector;
  /** Columns that are written one after another; a loop does the others. */
  readonly unrolled: number;
  /** Writes the next 64 bytes of each stretch to `entering`, a vector for each column: lane l is stretch l. Moves `row` on. */
  transpose(x: Assembler): void;
  /** Once before the steps of a square. */
  prepare(x: Assembler): void;
  /**
   * Moves the digest on by the byte that enters, the other one leaving unless that is null. Returns where its bytes are now: the
   * lowest in the place of the top.
   */
  step(x: Assembler, digest: readonly Vector[], come: Place, gone: Place | null): Vector[];
  /** The flags say `notEqual` if a lane has a cut here. */
  test(x: Assembler, digest: readonly Vector[]): void;
  /** After that, rax = which lanes have one, a bit each. */
  cutsToRax(x: Assembler): void;
}

/** Returns the code and where its function begins. */
export function assembleScanOf(vectors: ScanVectors): { code: Uint8Array; entries: Record<'first', number> } {
  const x = new Assembler();
  const transpose = x.here();
  vectors.transpose(x);
  x.ret();
  const warmUp = x.here();
  emitSteps(x, vectors, null);
  const hit = x.here();
  emitHit(x, vectors);
  const scan = x.here();
  emitSteps(x, vectors, hit);
  const first = x.here().at!;
  emitFirst(x, vectors, transpose, warmUp, scan);
  return { code: x.finish(), entries: { first } };
}

/**
 * uint64_t first(memory, from, to): the address of the first position after `from` where the 64 bytes before it make a cut, as
 * far as it is not behind `to`; else zero, or one behind `to`. The window before `from` and readBehind() bytes behind `to` are read.
 */
function emitFirst(x: Assembler, vectors: ScanVectors, transpose: Label, warmUp: Label, scan: Label): void {
  const lanes = vectors.register(0).bytes;
  x.enter();
  const [block, square, fits, done, end] = Array.from({ length: 5 }, () => x.label()) as [...Five];

  x.here(block);
  x.move(rax, to);
  x.subtract(rax, from);
  x.jumpIf('belowOrEqual', end);
  // Stretches as long as there is something for each of them, in whole squares.
  x.set(stretch, STRETCH);
  x.compare(rax, STRETCH * lanes);
  x.jumpIf('aboveOrEqual', fits);
  x.address(stretch, place(rax, lanes * COLUMNS - 1));
  x.shiftRight(stretch, Math.log2(lanes * COLUMNS));
  x.shiftLeft(stretch, Math.log2(COLUMNS));
  x.here(fits);
  x.move(stretches16, stretch);
  x.shiftLeft(stretches16, 4);
  x.address(stretches48, place(stretches16, 0, stretches16, 2));
  x.move(squares, stretch);
  x.shiftRight(squares, Math.log2(COLUMNS));
  x.address(row, place(from, -COLUMNS));
  x.address(leaving, place(memory, SQUARES));
  x.address(entering, place(memory, SQUARES + lanes * COLUMNS));
  x.set(passed, 0);
  x.set(best, -1);
  x.call(transpose);
  x.call(warmUp);

  x.here(square);
  swap(x);
  x.call(transpose);
  x.call(scan);
  // A hit in the first lane is the first of all.
  x.address(rax, place(from, 0, stretch));
  x.compare(best, rax);
  x.jumpIf('belowOrEqual', done);
  x.add(passed, COLUMNS);
  x.subtract(squares, 1);
  x.jumpIf('notEqual', square);
  x.compare(best, -1);
  x.jumpIf('notEqual', done);
  x.move(rax, stretch);
  x.shiftLeft(rax, Math.log2(lanes));
  x.add(from, rax);
  x.jump(block);

  x.here(end);
  x.set(best, 0);
  x.here(done);
  x.move(rax, best);
  x.leave();
}

type Five = [Label, Label, Label, Label, Label];

/** The square that entered is the one that leaves. */
function swap(x: Assembler): void {
  x.move(rax, entering);
  x.move(entering, leaving);
  x.move(leaving, rax);
}

/**
 * The fingerprint over the 64 columns of a square, in memory before and after. With `hit`, bytes leave as others enter, and
 * that is called with the column in rcx while the vectors know which lanes have a cut behind it; without, the window fills.
 */
function emitSteps(x: Assembler, vectors: ScanVectors, hit: Label | null): void {
  const { bytes } = vectors.register(0);
  const hits: { readonly column: number; readonly found: Label; readonly back: Label }[] = [];
  let digest = Array.from({ length: DIGEST_BYTES }, (_, byte) => vectors.register(byte));
  for (const [byte, vector] of digest.entries()) {
    if (hit === null) x.vpxor(vector, vector, vector);
    else x.vload(vector, place(memory, DIGEST + byte * bytes));
  }
  vectors.prepare(x);
  const isLoop = vectors.unrolled < COLUMNS;
  const done = isLoop ? at : null;
  /** Columns from where `done` is; each byte of the digest moves up by one place: it stays in its register, which changes its name. */
  const columns = (count: number): void => {
    for (let column = 0; column < count; column++) {
      const gone = hit === null ? null : place(leaving, column * bytes, done);
      digest = vectors.step(x, digest, place(entering, column * bytes, done), gone);
      if (hit === null) continue;
      vectors.test(x, digest);
      const [found, back] = [x.label(), x.label()];
      x.jumpIf('notEqual', found);
      x.here(back);
      hits.push({ column, found, back });
    }
  };
  if (isLoop) x.set(at, 0);
  const again = x.here();
  columns(vectors.unrolled);
  if (isLoop) {
    const last = COLUMNS % vectors.unrolled;
    x.add(at, vectors.unrolled * bytes);
    x.compare(at, (COLUMNS - last) * bytes);
    x.jumpIf('below', again);
    columns(last);
  }
  for (const [byte, vector] of digest.entries()) x.vstore(place(memory, DIGEST + byte * bytes), vector);
  x.ret();
  for (const { column, found, back } of hits) {
    x.here(found);
    if (isLoop) {
      x.move(rcx, at);
      x.shiftRight(rcx, Math.log2(bytes));
      x.add(rcx, column);
    } else x.set(rcx, column);
    x.call(hit!);
    x.jump(back);
  }
}

/** Takes note of the lowest lane with a cut, unless one before it is known. The column is in rcx. */
function emitHit(x: Assembler, vectors: ScanVectors): void {
  const known = x.label();
  vectors.cutsToRax(x);
  x.trailingZeros(rax, rax);
  x.multiply(rax, stretch);
  x.add(rax, passed);
  x.add(rax, rcx);
  x.address(rax, place(rax, 1, from));
  x.compare(rax, best);
  x.jumpIf('aboveOrEqual', known);
  x.move(best, rax);
  x.here(known);
  x.ret();
}
