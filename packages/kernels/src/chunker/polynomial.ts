/**
 * Polynomials over GF(2) for the Rabin fingerprint (restic/chunker, polynomials.go).
 * A polynomial is a bigint whose bit i is the coefficient of x^i. Used at init and open alone: clarity over speed.
 */

/** Degree of every chunker polynomial: below 64 - 8, so that a digest and the next byte fit a machine word. */
export const DEGREE = 53;

/** Returns the degree, -1 for zero. */
export function degree(p: bigint): number {
  return p === 0n ? -1 : p.toString(2).length - 1;
}

/** Returns a mod m. `m` must not be zero. */
export function modulo(a: bigint, m: bigint): bigint {
  const d = degree(m);
  let rest = a;
  for (let shift = degree(rest) - d; shift >= 0; shift = degree(rest) - d) rest ^= m << BigInt(shift);
  return rest;
}

/** Returns a * b mod m. */
export function multiplyModulo(a: bigint, b: bigint, m: bigint): bigint {
  let product = 0n;
  for (let i = 0n, rest = b; rest !== 0n; i++, rest >>= 1n) if (rest & 1n) product ^= a << i;
  return modulo(product, m);
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, modulo(x, y)];
  return x;
}

/** Says whether `p` has no factors: Ben-Or's test, for all i up to half the degree gcd(p, x^(2^i) - x mod p) = 1. */
export function isIrreducible(p: bigint): boolean {
  const half = Math.floor(degree(p) / 2);
  if (degree(p) < 1) return false;
  let power = 2n; // x^(2^0) = x
  for (let i = 1; i <= half; i++) {
    power = multiplyModulo(power, power, p);
    if (gcd(p, power ^ 2n) !== 1n) return false;
  }
  return true;
}

/** Returns a random irreducible polynomial of degree 53. `randomBytes(8)` is asked a few dozen times on average. */
export function randomPolynomial(randomBytes: (n: number) => Uint8Array): bigint {
  for (let tries = 0; tries < 1_000_000; tries++) {
    const bytes = randomBytes(8);
    const bits = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
    const candidate = BigInt.asUintN(DEGREE + 1, bits) | (1n << BigInt(DEGREE)) | 1n;
    if (isIrreducible(candidate)) return candidate;
  }
  throw new Error('no irreducible polynomial in a million tries: the random source is broken');
}

/** Throws RangeError unless `p` has degree 53. Irreducibility is for the one who reads a repository's config to check. */
export function expectPolynomial(p: bigint): void {
  if (degree(p) !== DEGREE) throw new RangeError(`polynomial: expected degree ${DEGREE}, got ${degree(p)}`);
}
