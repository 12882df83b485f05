/** Cyclic redundancy checks that S3 knows, reflected, with all-ones start and end: CRC-32C (RFC 3720 B.4) and CRC-64/NVME. */

/** Eight tables a polynomial ("slicing by eight"): one look-up a byte, eight bytes a round, no carried dependency inside. */
const SLICES = 8;

function tables64(poly: bigint): { low: Uint32Array; high: Uint32Array } {
  const low = new Uint32Array(256 * SLICES);
  const high = new Uint32Array(256 * SLICES);
  const first: bigint[] = [];
  for (let n = 0; n < 256; n++) {
    let c = BigInt(n);
    for (let k = 0; k < 8; k++) c = c & 1n ? (c >> 1n) ^ poly : c >> 1n;
    first.push(c);
  }
  for (let n = 0; n < 256; n++) {
    let c = first[n] as bigint;
    for (let slice = 0; slice < SLICES; slice++) {
      low[slice * 256 + n] = Number(c & 0xffffffffn);
      high[slice * 256 + n] = Number(c >> 32n);
      c = (c >> 8n) ^ (first[Number(c & 0xffn)] as bigint);
    }
  }
  return { low, high };
}

/** A running check; a 32-bit one is kept in `low` alone. */
export class Crc {
  readonly #low: Uint32Array;
  readonly #high: Uint32Array;
  readonly #bytes: number;
  #lo = 0xffffffff;
  #hi = 0;

  /** `poly` is reflected; `bits` is 32 or 64. */
  constructor(poly: bigint, bits: 32 | 64) {
    const tables = TABLES.get(poly) ?? tables64(poly);
    TABLES.set(poly, tables);
    this.#low = tables.low;
    this.#high = tables.high;
    this.#bytes = bits / 8;
    if (bits === 64) this.#hi = 0xffffffff;
  }

  update(data: Uint8Array): void {
    const low = this.#low;
    const high = this.#high;
    let lo = this.#lo;
    let hi = this.#hi;
    let i = 0;
    for (const end = data.length - 7; i < end; i += 8) {
      lo ^= data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
      hi ^= data[i + 4]! | (data[i + 5]! << 8) | (data[i + 6]! << 16) | (data[i + 7]! << 24);
      const a = 1792 + (lo & 255);
      const b = 1536 + ((lo >>> 8) & 255);
      const c = 1280 + ((lo >>> 16) & 255);
      const d = 1024 + (lo >>> 24);
      const e = 768 + (hi & 255);
      const f = 512 + ((hi >>> 8) & 255);
      const g = 256 + ((hi >>> 16) & 255);
      const h = hi >>> 24;
      lo = low[a]! ^ low[b]! ^ low[c]! ^ low[d]! ^ low[e]! ^ low[f]! ^ low[g]! ^ low[h]!;
      hi = high[a]! ^ high[b]! ^ high[c]! ^ high[d]! ^ high[e]! ^ high[f]! ^ high[g]! ^ high[h]!;
    }
    for (; i < data.length; i++) {
      const index = (lo ^ data[i]!) & 255;
      lo = ((lo >>> 8) | (hi << 24)) ^ low[index]!;
      hi = (hi >>> 8) ^ high[index]!;
    }
    this.#lo = lo >>> 0;
    this.#hi = hi >>> 0;
  }

  /** Big-endian bytes. */
  digest(): Buffer {
    const out = Buffer.alloc(8);
    out.writeUInt32BE((this.#hi ^ 0xffffffff) >>> 0, 0);
    out.writeUInt32BE((this.#lo ^ 0xffffffff) >>> 0, 4);
    return out.subarray(8 - this.#bytes);
  }
}

/** Tables are made at first use and shared: they depend on the polynomial alone. */
const TABLES = new Map<bigint, { low: Uint32Array; high: Uint32Array }>();

export const CRC32C_POLYNOMIAL = 0x82f63b78n;
export const CRC64NVME_POLYNOMIAL = 0x9a6c9329ac4bc9b5n;
