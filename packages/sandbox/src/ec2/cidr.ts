/** IPv4 ranges: read, compared, counted through. */

export interface Cidr {
  /** First address as a number. */
  readonly first: number;
  readonly bits: number;
  /** Number of addresses. */
  readonly size: number;
}

/** Null when the text is no range, or its address has bits below the mask. */
export function readCidr(text: string): Cidr | null {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (found === null) return null;
  const [a = 0, b = 0, c = 0, d = 0, bits = 0] = found.slice(1).map(Number);
  if ([a, b, c, d].some((octet) => octet > 255) || bits > 32) return null;
  const first = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
  const size = 2 ** (32 - bits);
  return first % size === 0 ? { first, bits, size } : null;
}

export function contains(outer: Cidr, inner: Cidr): boolean {
  return inner.first >= outer.first && inner.first + inner.size <= outer.first + outer.size;
}

export function overlap(a: Cidr, b: Cidr): boolean {
  return a.first < b.first + b.size && b.first < a.first + a.size;
}

/** Dotted form of the nth address. */
export function addressIn(range: Cidr, n: number): string {
  const address = range.first + n;
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
