/**
 * The chunk scan's vectors in AVX-512 with GFNI: 64 stretches. A byte's image is its product with a matrix over GF(2), one
 * instruction for each byte of the result where the nibbles of scan-nibbles.ts take two look-ups each.
 */
import { type Assembler, type Place, place, type Vector, xmm, zmm } from './assembler.ts';
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
  stretches48,
} from './scan.ts';
import { COLUMNS, ENTERING, LEAVING, MASK_0, MASK_2, TOP } from './scan-layout.ts';

const VECTOR = 64;
/** Rows of sixteen bytes that are transposed at once, in each quarter of a vector. */
const ROWS = 16;

const topMatrix = (byte: number): Vector => zmm(16 + byte);
const leavingMatrix = (byte: number): Vector => zmm(23 + byte);
const enteringMatrix = (byte: number): Vector => zmm(30 + byte);
const [leaves, enters, spare, other, mask0, mask2] = [zmm(7), zmm(8), zmm(9), zmm(10), zmm(14), zmm(15)];

const VECTORS: ScanVectors = { register: zmm, unrolled: COLUMNS, transpose, prepare, step, test, cutsToRax };

/** Returns the code and where its function begins. */
export function assembleScanGfni(): ReturnType<typeof assembleScanOf> {
  return assembleScanOf(VECTORS);
}

/**
 * A vector takes sixteen bytes of four stretches that lie 16 apart; then rows become columns in its four quarters at a time. One
 * round interleaves row i with row i + 8 into rows 2 i and 2 i + 1: the bits of (row, column) rotate by one place, and after four
 * rounds they have changed places.
 */
function transpose(x: Assembler): void {
  for (let chunk = 0; chunk < COLUMNS; chunk += ROWS) {
    x.move(at, row);
    for (let i = 0; i < ROWS; i++) {
      x.vload(xmm(i), place(at, chunk));
      x.vinsert16(zmm(i), zmm(i), place(at, chunk, stretches16), 1);
      x.vinsert16(zmm(i), zmm(i), place(at, chunk, stretches16, 2), 2);
      x.vinsert16(zmm(i), zmm(i), place(at, chunk, stretches48), 3);
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
}

function prepare(x: Assembler): void {
  for (let byte = 0; byte < DIGEST_BYTES; byte++) {
    x.vpbroadcastq(topMatrix(byte), place(memory, TOP + 8 * byte));
    x.vpbroadcastq(leavingMatrix(byte), place(memory, LEAVING + 8 * byte));
  }
  for (let byte = 0; byte < 2; byte++) x.vpbroadcastq(enteringMatrix(byte), place(memory, ENTERING + 8 * byte));
  x.vpbroadcastq(mask0, place(memory, MASK_0));
  x.vpbroadcastq(mask2, place(memory, MASK_2));
}

function step(x: Assembler, digest: readonly Vector[], come: Place, gone: Place | null): Vector[] {
  const top = digest[DIGEST_BYTES - 1]!;
  x.vload(enters, come);
  if (gone !== null) x.vload(leaves, gone);
  for (let byte = DIGEST_BYTES - 1; byte >= 0; byte--) {
    // The lowest byte takes the place of the top, which nobody needs after that.
    const target = byte === 0 ? top : digest[byte - 1]!;
    x.vgf2p8affineqb(byte === 0 ? top : spare, top, topMatrix(byte));
    if (gone !== null) x.vgf2p8affineqb(other, leaves, leavingMatrix(byte));
    if (byte === 0) x.vgf2p8affineqb(spare, enters, enteringMatrix(byte));
    if (gone !== null) x.vxor3(target, spare, other);
    else x.vpxor(target, target, spare);
    if (byte !== 1) continue;
    x.vgf2p8affineqb(spare, enters, enteringMatrix(byte));
    x.vpxor(target, target, spare);
  }
  return [top, ...digest.slice(0, -1)];
}

/** Leaves the lanes in k1. */
function test(x: Assembler, [e0, e1, e2]: readonly Vector[]): void {
  x.vpand(spare, e2!, mask2);
  x.vorAnd(spare, e0!, mask0);
  x.vpor(spare, spare, e1!);
  x.zeroBytesToK1(spare);
  x.testK1();
}

function cutsToRax(x: Assembler): void {
  x.k1ToRax();
}
