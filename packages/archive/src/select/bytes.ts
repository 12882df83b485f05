/**
 * Paths inside the selection code are "byte strings": JavaScript strings whose char codes are the path's bytes (latin1).
 * Nothing is lost for names that are not UTF-8, comparison is a plain `===`, and Go's byte-wise matching can be mirrored.
 */

/** A JavaScript string with one char (0..255) per byte. */
export type ByteString = string;

/** Returns the byte string of `bytes`; text is taken as UTF-8. */
export function toByteString(path: Uint8Array | string): ByteString {
  const bytes = typeof path === 'string' ? Buffer.from(path, 'utf8') : view(path);
  return bytes.toString('latin1');
}

/** Returns text for people: UTF-8, with U+FFFD where the bytes are not. */
export function toText(bytes: ByteString): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Lowers case as Go's `strings.ToLower`: rune by rune, without context or special rules. */
export function toLowerBytes(bytes: ByteString): ByteString {
  if (isAscii(bytes)) return bytes.toLowerCase();
  let lowered = '';
  for (const char of toText(bytes)) lowered += lowerRune(char);
  return toByteString(lowered);
}

function lowerRune(char: string): string {
  if (char === '\u0130') return 'i'; // Unicode's simple mapping; JavaScript applies the full one (two code points)
  const lower = char.toLowerCase();
  return lower.length === char.length ? lower : char;
}

function isAscii(bytes: ByteString): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes.charCodeAt(i) > 127) return false;
  return true;
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
