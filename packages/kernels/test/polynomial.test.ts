import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { degree, modulo, multiplyModulo } from '../src/chunker/polynomial.ts';
import { createScanner, isIrreducible, randomPolynomial } from '../src/index.ts';

const bits = fc.bigInt({ min: 0n, max: (1n << 54n) - 1n });
const SEED = 20_260_101;

describe('irreducibility', () => {
  // restic/chunker, polynomials_test.go
  test.each([0x3da3358b4dc173n, 0x2482734cacca49n])('%s has no factors', (p) => {
    expect(isIrreducible(p)).toBe(true);
  });

  test.each([0x38f1e565e288dfn, 0x255f4350b962cbn, 0x312daf4b284899n])('%s has factors', (p) => {
    expect(isIrreducible(p)).toBe(false);
  });

  test('small polynomials agree with division by every smaller one', () => {
    for (let p = 2n; p < 512n; p++) {
      let factors = 0;
      for (let d = 2n; degree(d) * 2 <= degree(p); d++) if (modulo(p, d) === 0n) factors++;
      expect(isIrreducible(p), `polynomial ${p}`).toBe(factors === 0);
    }
  });

  test('constants are not irreducible', () => {
    expect([isIrreducible(0n), isIrreducible(1n)]).toEqual([false, false]);
  });
});

test('a product is divisible by its factors and its remainder is smaller than the modulus', () => {
  fc.assert(
    fc.property(bits, bits, bits, (a, b, m) => {
      fc.pre(m > 1n);
      const product = multiplyModulo(a, b, 1n << 200n);
      if (a !== 0n) expect(modulo(product, a)).toBe(0n);
      expect(degree(modulo(product, m))).toBeLessThan(degree(m));
      expect(multiplyModulo(a, b, m)).toBe(modulo(product, m));
    }),
    { seed: SEED },
  );
});

describe('random polynomials', () => {
  test('are irreducible, of degree 53, and differ', () => {
    const made = Array.from({ length: 5 }, () => randomPolynomial(randomBytes));
    for (const p of made) {
      expect(degree(p)).toBe(53);
      expect(isIrreducible(p)).toBe(true);
    }
    expect(new Set(made).size).toBe(5);
  });

  test('come from the random bytes alone', () => {
    const fixed = (): ((n: number) => Uint8Array) => {
      let state = 1;
      return (n) =>
        Uint8Array.from({ length: n }, () => {
          state = (state * 48_271) % 2_147_483_647;
          return state;
        });
    };
    expect(randomPolynomial(fixed())).toBe(randomPolynomial(fixed()));
  });
});

test('a scanner refuses a polynomial of another degree, and an arena of no size', () => {
  expect(() => createScanner(1n << 52n, 1024)).toThrow('polynomial: expected degree 53, got 52');
  expect(() => createScanner(0x3da3358b4dc173n, 0)).toThrow('arenaBytes: expected 1 to');
});
