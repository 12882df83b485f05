/**
 * The chunk scan's vectors in AVX2: 32 stretches. A byte's image is the sum of the images of its nibbles, and a nibble's image is
 * one byte shuffle of a table of 16 bytes, for each of the seven bytes of the result.
 */
import { type Assembler, type Place, place, rax, rcx, type Vector, xmm, ymm } from './assembler.ts';
import {
  assembleScanOf,
  at,
  DIGEST_BYTES,
  entering,
  memory,
  row,
  type ScanVectors,
  stretch,
  stretches16,
} from './scan.ts';
import { COLUMNS, HALF_SQUARE, LOW_3, LOW_4, MASK_0, MASK_2, NIBBLE_TABLE, NIBBLES } from './scan-layout.ts';

const VECTOR = 32;
/** Rows of sixteen bytes that are transposed at once, in each half of a vector. */
const ROWS = 16;

const [goneLow, goneHigh, topLow, topHigh] = [ymm(7), ymm(8), ymm(9), ymm(10)];
const [enters, spare, image, nibble, zero] = [ymm(11), ymm(12), ymm(13), ymm(14), ymm(15)];

/** As many columns as it takes the digest's bytes to be where they were. */
const VECTORS: ScanVectors = { register: ymm, unrolled: DIGEST_BYTES, transpose, prepare, step, test, cutsToRax };

/** Returns the code and where its function begins. */
export function assembleScanNibbles(): ReturnType<typeof assembleScanOf> {
  return assembleScanOf(VECTORS);
}

/**
 * A vector takes sixteen bytes of two stretches that lie 16 apart; then rows become columns in both halves at a time, in four rounds
 * as in scan-gfni.ts. For sixteen registers: two rounds take rows i, i + 4, i + 8 and i + 12 to rows 4 i to 4 i + 3, twice.
 */
function transpose(x: Assembler): void {
  const [first, stretches4] = [rcx, rax];
  x.move(stretches4, stretch);
  x.shiftLeft(stretches4, 2);
  for (let chunk = 0; chunk < COLUMNS; chunk += ROWS) {
    x.move(first, row);
    for (let i = 0; i < ROWS / 4; i++) {
      x.move(at, first);
      for (let j = 0; j < 4; j++) {
        x.vload(xmm(j), place(at, chunk));
        x.vinsert16(ymm(j), ymm(j), place(at, chunk, stretches16), 1);
        x.add(at, stretches4);
      }
      twoRounds(x, (j) => place(memory, HALF_SQUARE + (4 * i + j) * VECTOR));
      x.add(first, stretch);
    }
    for (let i = 0; i < ROWS / 4; i++) {
      for (let j = 0; j < 4; j++) x.vload(ymm(j), place(memory, HALF_SQUARE + (i + 4 * j) * VECTOR));
      twoRounds(x, (j) => place(entering, (chunk + 4 * i + j) * VECTOR));
    }
  }
  x.add(row, COLUMNS);
}

/** Of the rows in the first four registers. */
function twoRounds(x: Assembler, to: (row: number) => Place): void {
  const [a, b, c, d] = [ymm(0), ymm(1), ymm(2), ymm(3)];
  const [p, q, r, s] = [ymm(4), ymm(5), ymm(6), ymm(7)];
  x.vpunpcklbw(p, a, c);
  x.vpunpckhbw(q, a, c);
  x.vpunpcklbw(r, b, d);
  x.vpunpckhbw(s, b, d);
  x.vpunpcklbw(a, p, r);
  x.vpunpckhbw(b, p, r);
  x.vpunpcklbw(c, q, s);
  x.vpunpckhbw(d, q, s);
  for (const [i, vector] of [a, b, c, d].entries()) x.vstore(to(i), vector);
}

function prepare(x: Assembler): void {
  x.vload(nibble, place(memory, LOW_4));
  x.vpxor(zero, zero, zero);
}

function step(x: Assembler, digest: readonly Vector[], come: Place, gone: Place | null): Vector[] {
  const top = digest[DIGEST_BYTES - 1]!;
  if (gone !== null) {
    x.vload(goneLow, gone);
    nibblesOf(x, goneLow, goneLow, goneHigh);
  }
  nibblesOf(x, top, topLow, topHigh);
  x.vload(enters, come);
  for (let byte = DIGEST_BYTES - 1; byte >= 0; byte--) {
    // The lowest byte takes the place of the top, which nobody needs after that.
    const target = byte === 0 ? top : digest[byte - 1]!;
    if (byte === 0) {
      x.vpsllw(target, enters, 3);
      x.vpand(target, target, place(memory, MASK_0));
    } else if (byte === 1) {
      x.vpsrlw(spare, enters, 5);
      x.vpand(spare, spare, place(memory, LOW_3));
      x.vpxor(target, target, spare);
    }
    if (gone !== null) {
      addImage(x, target, 2, byte, goneLow);
      addImage(x, target, 3, byte, goneHigh);
    }
    addImage(x, target, 0, byte, topLow);
    addImage(x, target, 1, byte, topHigh);
  }
  return [top, ...digest.slice(0, -1)];
}

/** `low` may be `bytes`. */
function nibblesOf(x: Assembler, bytes: Vector, low: Vector, high: Vector): void {
  x.vpsrlw(high, bytes, 4);
  x.vpand(low, bytes, nibble);
  x.vpand(high, high, nibble);
}

/** target ^= what the table says, one of seven in each group, for these nibbles. */
function addImage(x: Assembler, target: Vector, group: number, byte: number, nibbles: Vector): void {
  x.vbroadcast16(image, place(memory, NIBBLES + (group * DIGEST_BYTES + byte) * NIBBLE_TABLE));
  x.vpshufb(image, image, nibbles);
  x.vpxor(target, target, image);
}

/** Leaves the lanes in rax. */
function test(x: Assembler, [e0, e1, e2]: readonly Vector[]): void {
  x.vpand(spare, e0!, place(memory, MASK_0));
  x.vpand(image, e2!, place(memory, MASK_2));
  x.vpor(spare, spare, e1!);
  x.vpor(spare, spare, image);
  x.vpcmpeqb(spare, spare, zero);
  x.vpmovmskb(rax, spare);
  x.compare(rax, 0);
}

function cutsToRax(): void {}
