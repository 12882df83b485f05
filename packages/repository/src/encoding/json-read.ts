/**
 * A pull reader of JSON over bytes: no intermediate objects, 64-bit integers exact, strings as byte ranges.
 * Strict like Go's encoding/json (RFC 8259, no raw control characters, depth-limited). Every failure is a SyntaxError that
 * names the offset; callers add what they were reading. Not reentrant: one reader, one thread.
 */
import { isUtf8, runeLength, writeRune } from './runes.ts';

/** Deeper nesting than this is refused: nothing in the format nests deeper than five. */
const MAX_DEPTH = 512;

const SHORT: Readonly<Record<number, number>> = {
  34: 0x22,
  92: 0x5c,
  47: 0x2f,
  98: 8,
  102: 12,
  110: 10,
  114: 13,
  116: 9,
};

/** Reads one JSON text. `at` is the position; after string(), `from` and `to` bound the raw text between the quotes. */
export class JsonReader {
  readonly bytes: Uint8Array;
  at = 0;
  from = 0;
  to = 0;
  /** Whether the string just read is plain ASCII without escapes, so that its raw range is its value. */
  plain = true;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  fail(expected: string): never {
    const found = this.at < this.bytes.length ? `byte 0x${this.bytes[this.at]!.toString(16)}` : 'the end';
    throw new SyntaxError(`JSON: expected ${expected} at offset ${this.at}, got ${found}`);
  }

  /** Skips white space and returns the code of the next byte, or -1 at the end. */
  peek(): number {
    const { bytes } = this;
    for (;;) {
      const code = bytes[this.at];
      if (code === undefined) return -1;
      if (code > 0x20) return code;
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
      this.at++;
    }
  }

  /** Takes the next byte, which must be `code`. */
  expect(code: number): void {
    if (this.peek() !== code) this.fail(`'${String.fromCharCode(code)}'`);
    this.at++;
  }

  /** Takes the next byte if it is `code`, and says whether it was. */
  take(code: number): boolean {
    if (this.peek() !== code) return false;
    this.at++;
    return true;
  }

  /** Takes `null` if it comes next, and says whether it did. */
  takeNull(): boolean {
    if (this.peek() !== 0x6e) return false;
    this.word('null');
    return true;
  }

  /** Takes a literal word. */
  word(text: string): void {
    for (let i = 0; i < text.length; i++) if (this.bytes[this.at + i] !== text.charCodeAt(i)) this.fail(text);
    this.at += text.length;
  }

  /** After '{' or between members: true when another member follows (its key is next), false after taking '}'. */
  member(first: boolean): boolean {
    if (this.take(0x7d)) return false;
    if (!first) {
      this.expect(0x2c);
      if (this.peek() !== 0x22) this.fail('a key');
    }
    return true;
  }

  /** After '[' or between elements: true when another element follows, false after taking ']'. */
  element(first: boolean): boolean {
    if (this.take(0x5d)) return false;
    if (!first) {
      this.expect(0x2c);
      if (this.peek() === 0x5d) this.fail('a value');
    }
    return true;
  }

  /** Takes a string and leaves its raw range in `from` and `to`. */
  string(): void {
    if (this.peek() !== 0x22) this.fail('a string');
    const { bytes } = this;
    let at = this.at + 1;
    this.from = at;
    let plain = true;
    for (;;) {
      const code = bytes[at];
      if (code === 0x22) break;
      if (code === undefined || code < 0x20) {
        this.at = at;
        this.fail('a character of a string');
      }
      if (code === 0x5c) {
        plain = false;
        at += 2;
      } else {
        if (code >= 0x80) plain = false;
        at++;
      }
    }
    this.plain = plain;
    this.to = at;
    this.at = at + 1;
  }

  /** Takes a key and the colon after it. */
  key(): void {
    this.string();
    this.expect(0x3a);
  }

  /** Returns whether the raw text of the string just read is `text`. */
  is(text: Uint8Array): boolean {
    if (this.to - this.from !== text.length) return false;
    for (let i = 0; i < text.length; i++) if (this.bytes[this.from + i] !== text[i]) return false;
    return true;
  }

  /** The value of the string just read: a view of the input where it has no escapes, else fresh memory. */
  value(): Uint8Array {
    const { bytes, from, to } = this;
    if (this.plain) return bytes.subarray(from, to);
    return this.#unescape();
  }

  /** The value of the string just read, as text. */
  text(): string {
    const { bytes, from, to } = this;
    if (this.plain && to - from <= 24) {
      let text = '';
      for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!);
      return text;
    }
    return decoder.decode(this.value());
  }

  #unescape(): Uint8Array {
    const { bytes, from, to } = this;
    if (bytes.indexOf(0x5c, from) >= to || bytes.indexOf(0x5c, from) < 0) {
      if (isUtf8(bytes, from, to)) return bytes.subarray(from, to);
    }
    const out = new Uint8Array((to - from) * 3);
    let end = 0;
    for (let at = from; at < to; ) {
      const code = bytes[at]!;
      if (code !== 0x5c) {
        const length = runeLength(bytes, at, to);
        // Go's decoder replaces each invalid byte.
        if (length === 0) end += writeRune(0xfffd, out, end);
        for (let i = 0; i < length; i++) out[end++] = bytes[at + i]!;
        at += length === 0 ? 1 : length;
        continue;
      }
      const letter = bytes[at + 1]!;
      if (letter !== 0x75) {
        const short = SHORT[letter];
        if (short === undefined) throw new SyntaxError(`JSON: expected an escape at offset ${at}`);
        out[end++] = short;
        at += 2;
        continue;
      }
      let rune = this.#unit(at + 2);
      at += 6;
      if (rune >= 0xd800 && rune < 0xe000) {
        const low =
          rune < 0xdc00 && bytes[at] === 0x5c && bytes[at + 1] === 0x75 && at + 6 <= to ? this.#unit(at + 2) : 0;
        if (low >= 0xdc00 && low < 0xe000) {
          rune = 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
          at += 6;
        } else rune = 0xfffd;
      }
      end += writeRune(rune, out, end);
    }
    return out.slice(0, end);
  }

  #unit(at: number): number {
    let unit = 0;
    for (let i = at; i < at + 4; i++) {
      const digit = i < this.to ? Number.parseInt(String.fromCharCode(this.bytes[i]!), 16) : Number.NaN;
      if (Number.isNaN(digit)) throw new SyntaxError(`JSON: expected four hex digits at offset ${at}`);
      unit = unit * 16 + digit;
    }
    return unit;
  }

  /** Takes a non-negative integer. Throws also when it does not fit a double exactly. */
  integer(): number {
    const start = this.#digits();
    if (this.at - start > 15) {
      const value = Number(decoder.decode(this.bytes.subarray(start, this.at)));
      if (!Number.isSafeInteger(value)) throw new SyntaxError(`JSON: integer at offset ${start} is too large`);
      return value;
    }
    let value = 0;
    for (let i = start; i < this.at; i++) value = value * 10 + (this.bytes[i]! - 0x30);
    return value;
  }

  /** Takes an unsigned 32-bit integer. */
  uint32(): number {
    const start = this.at;
    const value = this.integer();
    if (value > 0xffffffff) throw new SyntaxError(`JSON: integer at offset ${start} does not fit 32 bits`);
    return value;
  }

  /** Takes an unsigned 64-bit integer, exactly. */
  uint64(): bigint {
    const start = this.#digits();
    if (this.at - start <= 15) {
      let value = 0;
      for (let i = start; i < this.at; i++) value = value * 10 + (this.bytes[i]! - 0x30);
      return BigInt(value);
    }
    const value = BigInt(decoder.decode(this.bytes.subarray(start, this.at)));
    if (value > 0xffffffffffffffffn) throw new SyntaxError(`JSON: integer at offset ${start} does not fit 64 bits`);
    return value;
  }

  #digits(): number {
    this.peek();
    const { bytes } = this;
    const start = this.at;
    let at = start;
    while (bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++;
    const next = bytes[at];
    if (at === start || (bytes[start] === 0x30 && at > start + 1)) this.fail('an unsigned integer');
    if (next === 0x2e || next === 0x65 || next === 0x45) this.fail('an unsigned integer');
    this.at = at;
    return start;
  }

  /** Takes any value and drops it. */
  skip(depth = 0): void {
    if (depth > MAX_DEPTH) throw new SyntaxError(`JSON: nested deeper than ${MAX_DEPTH} at offset ${this.at}`);
    const code = this.peek();
    if (code === 0x22) {
      this.string();
      if (!this.plain) this.value();
    } else if (code === 0x7b) {
      this.at++;
      for (let first = true; this.member(first); first = false) {
        this.key();
        this.skip(depth + 1);
      }
    } else if (code === 0x5b) {
      this.at++;
      for (let first = true; this.element(first); first = false) this.skip(depth + 1);
    } else if (code === 0x74) this.word('true');
    else if (code === 0x66) this.word('false');
    else if (code === 0x6e) this.word('null');
    else this.#skipNumber();
  }

  #skipNumber(): void {
    const start = this.at;
    while (this.at < this.bytes.length && '+-.0123456789Ee'.includes(String.fromCharCode(this.bytes[this.at]!)))
      this.at++;
    const text = decoder.decode(this.bytes.subarray(start, this.at));
    if (!/^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/.test(text)) {
      this.at = start;
      this.fail('a value');
    }
  }

  /** Requires that only white space is left. */
  end(): void {
    if (this.peek() !== -1) this.fail('the end');
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
