/**
 * UTF-8 as Go's unicode/utf8 sees it: every byte that starts no valid sequence is one error of width 1.
 * JavaScript's TextDecoder groups errors differently, which would change tree ids.
 */

/** Returns the length (1 to 4) of the valid sequence at `at`, or 0 if there is none. `end` bounds the bytes. */
export function runeLength(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || at + 1 >= end) return 0;
  const second = bytes[at + 1]!;
  if (first < 0xe0) return (second & 0xc0) === 0x80 ? 2 : 0;
  // Second-byte ranges of RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF.
  let low = 0x80;
  let high = 0xbf;
  if (first === 0xe0) low = 0xa0;
  else if (first === 0xed) high = 0x9f;
  else if (first === 0xf0) low = 0x90;
  else if (first === 0xf4) high = 0x8f;
  if (second < low || second > high || at + 2 >= end || (bytes[at + 2]! & 0xc0) !== 0x80) return 0;
  if (first < 0xf0) return 3;
  return at + 3 < end && (bytes[at + 3]! & 0xc0) === 0x80 ? 4 : 0;
}

/** Returns the code point of the valid sequence of `length` bytes at `at`. */
export function runeAt(bytes: Uint8Array, at: number, length: number): number {
  const first = bytes[at]!;
  if (length === 1) return first;
  if (length === 2) return ((first & 0x1f) << 6) | (bytes[at + 1]! & 0x3f);
  if (length === 3) return ((first & 0x0f) << 12) | ((bytes[at + 1]! & 0x3f) << 6) | (bytes[at + 2]! & 0x3f);
  return (
    ((first & 0x07) << 18) | ((bytes[at + 1]! & 0x3f) << 12) | ((bytes[at + 2]! & 0x3f) << 6) | (bytes[at + 3]! & 0x3f)
  );
}

/** Writes the UTF-8 form of a code point at `at` (room for 4 bytes) and returns its length. */
export function writeRune(rune: number, out: Uint8Array, at: number): number {
  if (rune < 0x80) {
    out[at] = rune;
    return 1;
  }
  if (rune < 0x800) {
    out[at] = 0xc0 | (rune >> 6);
    out[at + 1] = 0x80 | (rune & 0x3f);
    return 2;
  }
  if (rune < 0x10000) {
    out[at] = 0xe0 | (rune >> 12);
    out[at + 1] = 0x80 | ((rune >> 6) & 0x3f);
    out[at + 2] = 0x80 | (rune & 0x3f);
    return 3;
  }
  out[at] = 0xf0 | (rune >> 18);
  out[at + 1] = 0x80 | ((rune >> 12) & 0x3f);
  out[at + 2] = 0x80 | ((rune >> 6) & 0x3f);
  out[at + 3] = 0x80 | (rune & 0x3f);
  return 4;
}

/** Returns whether all bytes of the range are valid UTF-8. */
export function isUtf8(bytes: Uint8Array, from = 0, to: number = bytes.length): boolean {
  for (let at = from; at < to; ) {
    const length = runeLength(bytes, at, to);
    if (length === 0) return false;
    at += length;
  }
  return true;
}

/** Returns bytes as text the way Go's JSON does: each byte that is no valid UTF-8 becomes one U+FFFD. */
export function goText(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = runeLength(bytes, at, bytes.length);
    text += length === 0 ? '\ufffd' : String.fromCodePoint(runeAt(bytes, at, length));
    at += length === 0 ? 1 : length;
  }
  return text;
}
