/**
 * The chunk scan in AVX-512 with GFNI: the fingerprint on 64 stretches at once, one in each byte of a vector.
 *
 * As in assembly/scan-simd.ts the fingerprint d (53 bits) is kept as e = d * x^3 modulo p * x^3, seven vectors of bytes e0 to
 * e6. A step by one byte moves whole vectors; what falls out at the top and what leaves the window come back through
 * matrices over GF(2), one instruction for each byte of the result where the nibbles take two look-ups each.
 *
 * Bytes are brought into lane order a square of 64 x 64 at a time; the square before it holds the bytes that leave.
 */

import {
  Assembler,
  type Label,
  place,
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
  xmm,
  zmm,
} from './assembler.ts';
import {
  COLUMNS,
  DIGEST,
  ENTERING,
  LANES,
  LEAVING,
  MASK_0,
  MASK_2,
  SQUARE_BYTES,
  SQUARES,
  STRETCH,
  TOP,
} from './scan-layout.ts';

const VECTOR = 64;
const DIGEST_BYTES = 7;
/** Rows of sixteen bytes that are transposed at once, in each quarter of a vector. */
const ROWS = 16;

/** The caller's memory. */
const memory = rdi;
/** The positions after `from`, up to `to`, are still to be scanned. */
const from = rsi;
const to = rdx;
/** Bytes of each stretch of this block, and 16 and 48 of them. */
const stretch = r8;
const stretches16 = r14;
const stretches48 = r15;
/** First byte of the next square in the first lane. */
const row = r9;
/** Squares of the block that are left. */
const squares = r10;
/** The square that enters, and the one that leaves. */
const entering = r11;
const leaving = rbx;
/** Positions of each stretch before this square. */
const passed = r12;
/** Lowest hit so far. */
const best = rbp;

const topMatrix = (byte: number): Vector => zmm(16 + byte);
const leavingMatrix = (byte: number): Vector => zmm(23 + byte);
const enteringMatrix = (byte: number): Vector => zmm(30 + byte);
const [gone, come, spare, other, mask0, mask2] = [zmm(7), zmm(8), zmm(9), zmm(10), zmm(14), zmm(15)];

/** Returns the code and where its function begins. */
export function assembleScan(): { code: Uint8Array; entries: Record<'first', number> } {
  const x = new Assembler();
  const transpose = x.here();
  emitTranspose(x);
  const warmUp = x.here();
  emitSteps(x, null);
  const hit = x.here();
  emitHit(x);
  const scan = x.here();
  emitSteps(x, hit);
  const first = x.here().at!;
  emitFirst(x, transpose, warmUp, scan);
  return { code: x.finish(), entries: { first } };
}

/**
 * uint64_t first(memory, from, to): the address of the first position after `from` where the 64 bytes before it make a cut, as
 * far as it is not behind `to`; else zero, or one behind `to`. The window before `from` and READ_BEHIND bytes behind `to` are read.
 */
function emitFirst(x: Assembler, transpose: Label, warmUp: Label, scan: Label): void {
  x.enter();
  const [block, square, fits, done, end] = Array.from({ length: 5 }, () => x.label()) as [...Five];

  x.here(block);
  x.move(rax, to);
  x.subtract(rax, from);
  x.jumpIf('belowOrEqual', end);
  // Stretches as long as there is something for each of them, in whole squares.
  x.set(stretch, STRETCH);
  x.compare(rax, STRETCH * LANES);
  x.jumpIf('aboveOrEqual', fits);
  x.address(stretch, place(rax, LANES * COLUMNS - 1));
  x.shiftRight(stretch, Math.log2(LANES * COLUMNS));
  x.shiftLeft(stretch, Math.log2(COLUMNS));
  x.here(fits);
  x.move(stretches16, stretch);
  x.shiftLeft(stretches16, 4);
  x.address(stretches48, place(stretches16, 0, stretches16, 2));
  x.move(squares, stretch);
  x.shiftRight(squares, Math.log2(COLUMNS));
  x.address(row, place(from, -COLUMNS));
  x.address(leaving, place(memory, SQUARES));
  x.address(entering, place(memory, SQUARES + SQUARE_BYTES));
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
  x.shiftLeft(rax, Math.log2(LANES));
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
 * Writes the next 64 bytes of each stretch to `entering`, a vector for each column: lane l is stretch l. A vector takes sixteen
 * bytes of four stretches that lie 16 apart; then rows become columns in its four quarters at a time. One round
 * interleaves row i with row i + 8 into rows 2 i and 2 i + 1: the bits of (row, column) rotate by one place, and after four
 * rounds they have changed places.
 */
function emitTranspose(x: Assembler): void {
  const at = r13;
  for (let chunk = 0; chunk < COLUMNS; chunk += ROWS) {
    x.move(at, row);
    for (let i = 0; i < ROWS; i++) {
      x.vload(xmm(i), place(at, chunk));
      x.vinserti32x4(zmm(i), zmm(i), place(at, chunk, stretches16), 1);
      x.vinserti32x4(zmm(i), zmm(i), place(at, chunk, stretches16, 2), 2);
      x.vinserti32x4(zmm(i), zmm(i), place(at, chunk, stretches48), 3);
      x.add(at, stretch);
    }
    for (let round = 0; round < 4; round++) {
      const [source, target] = round % 2 === 0 ? [0, ROWS] : [ROWS, 0];
      for (let i = 0; i < ROWS / 2; i++) {
        const [upper, lower] = [zmm(source + i), zmm(source + i + ROWS / 2)];
        x.vpunpcklbw(zmm(target + 2 * i), upper, lower);
        x.vpunpckhbw(zmm(target + 2 * i + 1), upper, lower);
      }
    }
    for (let i = 0; i < ROWS; i++) x.vstore(place(entering, (chunk + i) * VECTOR), zmm(i));
  }
  x.add(row, COLUMNS);
  x.ret();
}

/**
 * The fingerprint over the 64 columns of a square, in memory before and after. With `hit`, bytes leave as others enter, and
 * that is called with the column in rcx and k1 saying which lanes have a cut behind it; without, the window fills.
 */
function emitSteps(x: Assembler, hit: Label | null): void {
  for (let byte = 0; byte < DIGEST_BYTES; byte++) {
    if (hit === null) x.vpxord(zmm(byte), zmm(byte), zmm(byte));
    else x.vload(zmm(byte), place(memory, DIGEST + byte * VECTOR));
    x.vpbroadcastq(topMatrix(byte), place(memory, TOP + 8 * byte));
    x.vpbroadcastq(leavingMatrix(byte), place(memory, LEAVING + 8 * byte));
  }
  for (let byte = 0; byte < 2; byte++) x.vpbroadcastq(enteringMatrix(byte), place(memory, ENTERING + 8 * byte));
  x.vpbroadcastq(mask0, place(memory, MASK_0));
  x.vpbroadcastq(mask2, place(memory, MASK_2));

  const hits: { readonly column: number; readonly found: Label; readonly back: Label }[] = [];
  // Each byte of the digest moves up by one place: it stays in its register, which changes its name.
  let digest = Array.from({ length: DIGEST_BYTES }, (_, byte) => zmm(byte));
  for (let column = 0; column < COLUMNS; column++) {
    x.vload(come, place(entering, column * VECTOR));
    if (hit !== null) x.vload(gone, place(leaving, column * VECTOR));
    digest = emitStep(x, digest, hit !== null);
    if (hit === null) continue;
    emitTest(x, digest);
    const [found, back] = [x.label(), x.label()];
    x.jumpIf('notEqual', found);
    x.here(back);
    hits.push({ column, found, back });
  }
  for (const [byte, vector] of digest.entries()) x.vstore(place(memory, DIGEST + byte * VECTOR), vector);
  x.ret();
  for (const { column, found, back } of hits) {
    x.here(found);
    x.set(rcx, column);
    x.call(hit!);
    x.jump(back);
  }
}

/** Moves the digest on by the byte in `come`, the one in `gone` leaving. Returns where its bytes are now. */
function emitStep(x: Assembler, digest: readonly Vector[], leaves: boolean): Vector[] {
  const top = digest[DIGEST_BYTES - 1]!;
  for (let byte = DIGEST_BYTES - 1; byte >= 0; byte--) {
    // The lowest byte takes the place of the top, which nobody needs after that.
    const target = byte === 0 ? top : digest[byte - 1]!;
    x.vgf2p8affineqb(byte === 0 ? top : spare, top, topMatrix(byte));
    if (leaves) x.vgf2p8affineqb(other, gone, leavingMatrix(byte));
    if (byte === 0) x.vgf2p8affineqb(spare, come, enteringMatrix(byte));
    if (leaves) x.vxor3(target, spare, other);
    else x.vpxord(target, target, spare);
    if (byte !== 1) continue;
    x.vgf2p8affineqb(spare, come, enteringMatrix(byte));
    x.vpxord(target, target, spare);
  }
  return [top, ...digest.slice(0, -1)];
}

/** k1 = which lanes have a cut here, and the zero flag if none has. */
function emitTest(x: Assembler, [e0, e1, e2]: readonly Vector[]): void {
  x.vpandq(spare, e2!, mask2);
  x.vorAnd(spare, e0!, mask0);
  x.vporq(spare, spare, e1!);
  x.zeroBytesToK1(spare);
  x.testK1();
}

/** Takes note of the lowest lane with a cut, unless one before it is known. The column is in rcx. */
function emitHit(x: Assembler): void {
  const known = x.label();
  x.k1ToRax();
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
