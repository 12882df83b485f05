/**
 * Go's strconv.Quote and strconv.Unquote on byte strings, without the outer quotes: how node names are stored.
 * Format: restic `internal/data/node.go`; printable means Unicode 15.0, see print-table.ts.
 */
import { PRINT_BORDERS } from './print-table.ts';
import { runeAt, runeLength, writeRune } from './runes.ts';

const BORDERS: Uint32Array = (() => {
  let border = 0x80;
  return Uint32Array.from(PRINT_BORDERS.split(' '), (step) => {
    border += Number.parseInt(step, 36);
    return border;
  });
})();

/** Returns what strconv.IsPrint of Go 1.26 says about a code point. */
export function isPrint(rune: number): boolean {
  if (rune < 0x80) return rune >= 0x20 && rune < 0x7f;
  let low = 0;
  let high = BORDERS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (BORDERS[middle]! <= rune) low = middle + 1;
    else high = middle;
  }
  return low % 2 === 1;
}

const LOWER_HEX = '0123456789abcdef';
const SHORT_ESCAPES: Readonly<Record<number, string>> = { 7: 'a', 8: 'b', 9: 't', 10: 'n', 11: 'v', 12: 'f', 13: 'r' };

function hex(value: number, digits: number): string {
  let text = '';
  for (let shift = 4 * (digits - 1); shift >= 0; shift -= 4) text += LOWER_HEX[(value >>> shift) & 15];
  return text;
}

/** Returns `name` as strconv.Quote writes it, without the outer quotes. The result is valid, printable UTF-8. */
export function goQuote(name: Uint8Array): Uint8Array {
  const out = new Uint8Array(name.length * 10);
  let to = 0;
  const ascii = (text: string): void => {
    for (let i = 0; i < text.length; i++) out[to++] = text.charCodeAt(i);
  };
  for (let at = 0; at < name.length; ) {
    const length = runeLength(name, at, name.length);
    if (length === 0) {
      ascii(`\\x${hex(name[at]!, 2)}`);
      at++;
      continue;
    }
    const rune = runeAt(name, at, length);
    if (rune === 0x22 || rune === 0x5c) ascii(`\\${String.fromCharCode(rune)}`);
    else if (isPrint(rune)) for (let i = 0; i < length; i++) out[to++] = name[at + i]!;
    else if (SHORT_ESCAPES[rune] !== undefined) ascii(`\\${SHORT_ESCAPES[rune]}`);
    else if (rune < 0x20 || rune === 0x7f) ascii(`\\x${hex(rune, 2)}`);
    else if (rune < 0x10000) ascii(`\\u${hex(rune, 4)}`);
    else ascii(`\\U${hex(rune, 8)}`);
    at += length;
  }
  return out.slice(0, to);
}

function digitsAt(bytes: Uint8Array, at: number, count: number, base: number): number {
  if (at + count > bytes.length) return -1;
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const digit = Number.parseInt(String.fromCharCode(bytes[i]!), base);
    if (Number.isNaN(digit)) return -1;
    value = value * base + digit;
  }
  return value;
}

const SIMPLE: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
  '\\': 0x5c,
  '"': 0x22,
};
const WIDE: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** Returns the bytes that `quoted` (without outer quotes) stands for, or null where strconv.Unquote would fail. */
export function goUnquote(quoted: Uint8Array): Uint8Array | null {
  const out = new Uint8Array(quoted.length * 3);
  let to = 0;
  for (let at = 0; at < quoted.length; ) {
    const code = quoted[at]!;
    if (code === 0x22 || code === 0x0a) return null;
    if (code !== 0x5c) {
      const length = runeLength(quoted, at, quoted.length);
      if (length === 0) to += writeRune(0xfffd, out, to);
      else for (let i = 0; i < length; i++) out[to++] = quoted[at + i]!;
      at += length === 0 ? 1 : length;
      continue;
    }
    if (at + 1 >= quoted.length) return null;
    const letter = String.fromCharCode(quoted[at + 1]!);
    const simple = SIMPLE[letter];
    const width = WIDE[letter];
    if (simple !== undefined) {
      out[to++] = simple;
      at += 2;
    } else if (width !== undefined) {
      const value = digitsAt(quoted, at + 2, width, 16);
      if (value < 0 || value > 0x10ffff || (width > 2 && value >= 0xd800 && value < 0xe000)) return null;
      // \x names a byte, \u and \U a code point.
      if (width === 2) out[to++] = value;
      else to += writeRune(value, out, to);
      at += 2 + width;
    } else {
      const value = digitsAt(quoted, at + 1, 3, 8);
      if (value < 0 || value > 255) return null;
      out[to++] = value;
      at += 4;
    }
  }
  return out.slice(0, to);
}
