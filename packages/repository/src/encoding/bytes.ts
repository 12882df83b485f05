/** Byte-string basics that the format needs everywhere: comparing, joining, text. Runtime-neutral. */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Returns the UTF-8 bytes of `text`; lone surrogates become U+FFFD, as in Go. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Returns bytes known to be UTF-8 as text. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Orders two byte strings as Go orders strings: bytewise, a prefix first. Negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Returns whether two byte strings are the same. Not constant time. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** Returns a copy of a range as a plain Uint8Array. `slice` would not do: on Node's Buffer it is a view. */
export function copyOf(bytes: Uint8Array, from = 0, to: number = bytes.length): Uint8Array {
  const copy = new Uint8Array(to - from);
  copy.set(bytes.subarray(from, to));
  return copy;
}

/** Returns the parts one after another, in fresh memory. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BASE64_CODE = utf8(BASE64);
const BASE64_VALUE = new Uint8Array(256).fill(255);
for (let i = 0; i < 64; i++) BASE64_VALUE[BASE64_CODE[i]!] = i;

/** Returns padded standard base64 (RFC 4648 section 4) as ASCII bytes. */
export function base64Bytes(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4).fill(0x3d);
  let to = 0;
  let i = 0;
  for (; i + 2 < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    out[to++] = BASE64_CODE[group >> 18]!;
    out[to++] = BASE64_CODE[(group >> 12) & 63]!;
    out[to++] = BASE64_CODE[(group >> 6) & 63]!;
    out[to++] = BASE64_CODE[group & 63]!;
  }
  const rest = bytes.length - i;
  if (rest > 0) {
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8);
    out[to++] = BASE64_CODE[group >> 18]!;
    out[to++] = BASE64_CODE[(group >> 12) & 63]!;
    if (rest === 2) out[to] = BASE64_CODE[(group >> 6) & 63]!;
  }
  return out;
}

/** Returns padded standard base64 as text. */
export function base64(bytes: Uint8Array): string {
  return textOf(base64Bytes(bytes));
}

/**
 * Decodes padded standard base64 given as ASCII bytes, like Go's base64.StdEncoding: CR and LF are skipped.
 * Returns null when it is anything else.
 */
export function fromBase64Bytes(text: Uint8Array): Uint8Array | null {
  const out = new Uint8Array(Math.ceil(text.length / 4) * 3);
  let to = 0;
  let group = 0;
  let digits = 0;
  let padding = 0;
  for (const code of text) {
    if (code === 0x0a || code === 0x0d) continue;
    if (code === 0x3d) {
      padding++;
      continue;
    }
    const value = BASE64_VALUE[code]!;
    if (value === 255 || padding > 0) return null;
    group = (group << 6) | value;
    if (++digits % 4 === 0) {
      out[to++] = (group >> 16) & 0xff;
      out[to++] = (group >> 8) & 0xff;
      out[to++] = group & 0xff;
    }
  }
  const rest = digits % 4;
  if (rest === 1 || padding !== (4 - rest) % 4) return null;
  if (rest === 2) out[to++] = (group >> 4) & 0xff;
  if (rest === 3) {
    out[to++] = (group >> 10) & 0xff;
    out[to++] = (group >> 2) & 0xff;
  }
  return out.slice(0, to);
}

/** Decodes padded standard base64; null when it is anything else. */
export function fromBase64(text: string): Uint8Array | null {
  return fromBase64Bytes(utf8(text));
}
