import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ChunkScanner, createScanner, MAX_CHUNK, MIN_CHUNK, type ScannerVariant, WINDOW } from '../src/index.ts';
import { ARENA_FOR_ANY_CHUNK, chunksAtOnce, chunksInSteps, noise, POLYNOMIAL, vectorData } from './chunks.ts';
import { slowChunks, slowDigest } from './reference/slow-chunker.ts';

const SEED = 20_260_102;
const VARIANTS = (['gfni', 'avx2', 'relaxed-simd', 'simd', 'scalar', 'plain'] as const).map((variant) => ({
  variant,
  runs: canRun(variant),
}));
const RUNNING = VARIANTS.filter(({ runs }) => runs).map(({ variant }) => variant);

function canRun(variant: ScannerVariant): boolean {
  try {
    createScanner(POLYNOMIAL, 1, { variant });
    return true;
  } catch {
    return false;
  }
}

const vector = vectorData();

/** Where the fingerprint's low 20 bits are zero in the vector, found once by the plain scanner. */
function candidatesOf(scanner: ChunkScanner, from: number, to: number, room = 4096): number[] {
  const out = new Uint32Array(room);
  return [...out.subarray(0, scanner.candidates(from, to, out))];
}

test('a scalar and a plain scanner run everywhere', () => {
  expect(RUNNING).toEqual(expect.arrayContaining(['scalar', 'plain']));
});

for (const { variant, runs } of VARIANTS) {
  describe.skipIf(!runs)(`the ${variant} chunk scanner`, () => suite(variant));
}

function suite(variant: ScannerVariant): void {
  let scanner: ChunkScanner;
  beforeAll(() => {
    scanner = createScanner(POLYNOMIAL, vector.length, { variant });
  });

  test('cuts the portable vector as restic does', () => {
    expect(createHash('sha256').update(vector).digest('hex')).toBe(
      'a185c6f42ec88754f56de830c4ad592f2985d6d3b7890f9f80f0c3d120a69904',
    );
    expect(chunksAtOnce(scanner, vector)).toEqual([
      1277546, 3328425, 1833803, 2375624, 2151185, 2869320, 1142318, 526389, 752089, 520517,
    ]);
    const other = createScanner(0x25b468838dcb75n, vector.length, { variant });
    expect(chunksAtOnce(other, vector)).toEqual([
      648302, 1011791, 679509, 781392, 717913, 3799227, 899553, 1806562, 1154521, 2285036, 1426228, 778552, 788630,
    ]);
  });

  test('cuts zeros every 512 KiB', () => {
    const zeros = new Uint8Array(3 * MIN_CHUNK + 5);
    expect(chunksAtOnce(scanner, zeros)).toEqual([MIN_CHUNK, MIN_CHUNK, MIN_CHUNK, 5]);
    expect(createHash('sha256').update(zeros.subarray(0, MIN_CHUNK)).digest('hex')).toBe(
      '07854d2fef297a06ba81685e660c332de36d5d18d546927d30daad6d7fda1541',
    );
  });

  test('forces a cut at 8 MiB where no fingerprint asks for one', () => {
    const ones = new Uint8Array(vector.length).fill(1);
    scanner.arena.set(ones);
    expect(scanner.cut(0, MAX_CHUNK - 1, false)).toBe(0);
    expect(scanner.cut(0, MAX_CHUNK - 1, true)).toBe(MAX_CHUNK - 1);
    expect(scanner.cut(0, MAX_CHUNK, false)).toBe(MAX_CHUNK);
    expect(scanner.cut(77, MAX_CHUNK + 78, true)).toBe(MAX_CHUNK + 77);
  });

  test('asks for more bytes until a cut is certain', () => {
    scanner.arena.set(vector);
    const cut = 1277546;
    expect(scanner.cut(0, 0, false)).toBe(0);
    expect(scanner.cut(0, MIN_CHUNK, false)).toBe(0);
    expect(scanner.cut(0, cut - 1, false)).toBe(0);
    expect(scanner.cut(0, cut, false)).toBe(cut);
    expect(scanner.cut(0, cut, false, cut - 1)).toBe(cut);
    expect(scanner.cut(0, vector.length, false, cut)).toBeGreaterThan(cut);
  });

  test('ends the last chunk at the end of the file, whatever its size', () => {
    scanner.arena.set(vector);
    expect(scanner.cut(0, 0, true)).toBe(0);
    for (const size of [1, 63, 64, MIN_CHUNK - 1, MIN_CHUNK, MIN_CHUNK + 1]) {
      expect(scanner.cut(0, size, true), `size ${size}`).toBe(size);
    }
  });

  test('refuses offsets outside its arena', () => {
    expect(() => scanner.cut(-1, 5, true)).toThrow(RangeError);
    expect(() => scanner.cut(6, 5, true)).toThrow(RangeError);
    expect(() => scanner.cut(0, vector.length + 1, true)).toThrow(RangeError);
    expect(() => scanner.candidates(WINDOW - 2, 100, new Uint32Array(1))).toThrow(RangeError);
    expect(() => scanner.candidates(WINDOW, vector.length + 1, new Uint32Array(1))).toThrow(RangeError);
  });

  test('finds the same candidates from any start, and only those that a window on its own shows', () => {
    scanner.arena.set(vector);
    const all = candidatesOf(scanner, WINDOW - 1, vector.length);
    expect(all).toContain(1277546);
    for (const p of all) expect(slowDigest(vector.subarray(p - WINDOW, p), POLYNOMIAL) & 0xfffffn).toBe(0n);
    for (const p of all) {
      expect(candidatesOf(scanner, p - 1, p)).toEqual([p]);
      expect(candidatesOf(scanner, p, p + 20_000)).toEqual(all.filter((q) => q > p && q <= p + 20_000));
      expect(candidatesOf(scanner, p - 20_000, p - 1)).toEqual(all.filter((q) => q > p - 20_000 && q < p));
    }
  });

  test('fills the room for candidates and goes on from the last', () => {
    scanner.arena.fill(0, 0, 100_000);
    const first = candidatesOf(scanner, 64, 100_000, 100);
    expect(first).toEqual(Array.from({ length: 100 }, (_, i) => 65 + i));
    expect(candidatesOf(scanner, first.at(-1)!, 100_000, 3)).toEqual([165, 166, 167]);
    expect(candidatesOf(scanner, 64, 100_000, 200_000)).toHaveLength(100_000 - 64);
  });

  test('knows nothing of what lay in the arena before', () => {
    const data = noise(MIN_CHUNK + 3000, 7);
    const expected = chunksAtOnce(createScanner(POLYNOMIAL, data.length, { variant }), data);
    scanner.arena.fill(0xa5);
    expect(chunksAtOnce(scanner, data, 4_000_001)).toEqual(expected);
  });
}

/** Stretches of different nature: zeros make a candidate at every byte, a constant makes none. */
const stretch = fc.record({
  kind: fc.constantFrom('noise', 'zeros', 'ones', 'text'),
  length: fc.oneof(
    fc.constantFrom(0, 1, 63, 64, 65, MIN_CHUNK - 64, MIN_CHUNK - 1, MIN_CHUNK, MIN_CHUNK + 1),
    fc.integer({ min: 0, max: 600_000 }),
  ),
  seed: fc.integer({ min: 1, max: 1_000_000 }),
});
const content = fc.array(stretch, { minLength: 1, maxLength: 3 }).map((stretches) =>
  Buffer.concat(
    stretches.map(({ kind, length, seed }) => {
      if (kind === 'noise') return noise(length, seed);
      if (kind === 'text') return Buffer.alloc(length, `line ${seed} of a log that repeats itself\n`);
      return new Uint8Array(length).fill(kind === 'zeros' ? 0 : 1);
    }),
  ),
);

describe('every scanner', () => {
  const scanners = [undefined, ...RUNNING].map((variant) =>
    createScanner(POLYNOMIAL, ARENA_FOR_ANY_CHUNK, variant === undefined ? {} : { variant }),
  );

  test('cuts where the slow reference cuts', () => {
    fc.assert(
      fc.property(content, fc.integer({ min: 0, max: 70_000 }), (data, offset) => {
        const expected = slowChunks(data, POLYNOMIAL);
        for (const scanner of scanners) expect(chunksAtOnce(scanner, data, offset)).toEqual(expected);
      }),
      { seed: SEED, numRuns: 5 },
    );
  });

  test('cuts alike however the bytes arrive', () => {
    fc.assert(
      fc.property(content, fc.constantFrom(1000, 4095, 65_537, 524_288, 999_983), (data, step) => {
        const expected = chunksAtOnce(scanners[0]!, data);
        for (const scanner of scanners) expect(chunksInSteps(scanner, data, step)).toEqual(expected);
      }),
      { seed: SEED, numRuns: 20 },
    );
  });

  test('cuts a long file with forced cuts alike however the bytes arrive', () => {
    const data = Buffer.concat([new Uint8Array(MAX_CHUNK + 12_345).fill(1), noise(2_000_000, 3)]);
    const [first, ...rest] = slowChunks(data.subarray(MAX_CHUNK), POLYNOMIAL);
    for (const scanner of scanners) {
      expect(chunksInSteps(scanner, data, 1 << 20)).toEqual([MAX_CHUNK, first, ...rest]);
    }
  });

  test('finds the same candidates in every range', () => {
    for (const scanner of scanners) scanner.arena.set(vector.subarray(0, ARENA_FOR_ANY_CHUNK));
    const range = fc.tuple(fc.integer({ min: 63, max: 8_000_000 }), fc.integer({ min: 0, max: 300_000 }));
    fc.assert(
      fc.property(range, ([from, length]) => {
        const [a, ...others] = scanners.map((scanner) => candidatesOf(scanner, from, from + length));
        for (const other of others) expect(other).toEqual(a);
      }),
      { seed: SEED, numRuns: 60 },
    );
  });
});
