/** A growing byte buffer that the JSON encoders append to. Reusable: clear() keeps the memory. */

const HEX_CODE = new TextEncoder().encode('0123456789abcdef');

/** Collects bytes. `buffer` and `length` are open to the encoders of this package, which write in place after room(). */
export class ByteWriter {
  buffer: Uint8Array;
  length = 0;

  constructor(capacity = 4096) {
    this.buffer = new Uint8Array(capacity);
  }

  /** Makes room for `count` more bytes. */
  room(count: number): void {
    const needed = this.length + count;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }

  /** Appends one byte. */
  byte(value: number): void {
    if (this.length === this.buffer.length) this.room(1);
    this.buffer[this.length++] = value;
  }

  /** Appends bytes. */
  bytes(bytes: Uint8Array): void {
    const count = bytes.length;
    this.room(count);
    // A loop beats the call into TypedArray.set for the short keys that JSON is made of.
    if (count > 48) this.buffer.set(bytes, this.length);
    else for (let i = 0; i < count; i++) this.buffer[this.length + i] = bytes[i]!;
    this.length += count;
  }

  /** Appends a string of ASCII characters; others are the caller's mistake. */
  ascii(text: string): void {
    const count = text.length;
    this.room(count);
    for (let i = 0; i < count; i++) this.buffer[this.length + i] = text.charCodeAt(i);
    this.length += count;
  }

  /** Appends a non-negative integer below 2^53 in decimal. */
  decimal(value: number): void {
    this.room(16);
    let rest = value;
    let digits = 1;
    for (let limit = 10; limit <= rest; limit *= 10) digits++;
    let at = this.length + digits;
    this.length = at;
    // 32-bit division is several times cheaper than the division of doubles.
    while (rest > 0x7fffffff) {
      const next = Math.floor(rest / 10);
      this.buffer[--at] = 0x30 + (rest - next * 10);
      rest = next;
    }
    let small = rest | 0;
    do {
      const next = (small / 10) | 0;
      this.buffer[--at] = 0x30 + (small - next * 10);
      small = next;
    } while (small > 0);
  }

  /** Appends exactly `digits` decimal digits, with leading zeros. `value` is below 2^31. */
  padded(value: number, digits: number): void {
    this.room(digits);
    let rest = value | 0;
    for (let at = this.length + digits - 1; at >= this.length; at--) {
      const next = (rest / 10) | 0;
      this.buffer[at] = 0x30 + (rest - next * 10);
      rest = next;
    }
    this.length += digits;
  }

  /** Appends a non-negative 64-bit integer in decimal. */
  decimal64(value: bigint): void {
    if (value <= 9007199254740991n) this.decimal(Number(value));
    else this.ascii(value.toString());
  }

  /** Appends `count` bytes from `at` as lowercase hex. */
  hex(bytes: Uint8Array, at: number, count: number): void {
    this.room(2 * count);
    const { buffer } = this;
    let to = this.length;
    for (let i = at; i < at + count; i++) {
      const byte = bytes[i]!;
      buffer[to++] = HEX_CODE[byte >> 4]!;
      buffer[to++] = HEX_CODE[byte & 15]!;
    }
    this.length = to;
  }

  /** Returns a view of what was written: valid until the next call of anything here. */
  view(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  /** Returns what was written, in memory of its own. */
  take(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  /** Forgets what was written and keeps the memory. */
  clear(): void {
    this.length = 0;
  }
}
