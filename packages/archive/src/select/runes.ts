/** UTF-8 decoding on byte strings with Go's rules (unicode/utf8): an invalid byte is U+FFFD of width 1. */
import type { ByteString } from './bytes.ts';

export const RUNE_ERROR = 0xfffd;

/** Returns the width in bytes (1..4) of the rune at `at`; invalid encodings have width 1. `at` must be inside. */
export function runeWidth(bytes: ByteString, at: number): number {
  const first = bytes.charCodeAt(at);
  if (first < 0xc2 || first > 0xf4) return 1;
  const width = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (at + width > bytes.length) return 1;
  const second = bytes.charCodeAt(at + 1);
  // Unicode table 3-7: overlong forms, surrogates and values above U+10FFFF are cut off by the second byte
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 1;
  for (let i = 2; i < width; i++) if ((bytes.charCodeAt(at + i) & 0xc0) !== 0x80) return 1;
  return width;
}

/** Returns the code point at `at`, whose width is `width` as given by runeWidth; U+FFFD where the encoding is invalid. */
export function runeValue(bytes: ByteString, at: number, width: number): number {
  const first = bytes.charCodeAt(at);
  if (width === 1) return first < 0x80 ? first : RUNE_ERROR;
  let value = first & (0x7f >> width);
  for (let i = 1; i < width; i++) value = (value << 6) | (bytes.charCodeAt(at + i) & 0x3f);
  return value;
}
