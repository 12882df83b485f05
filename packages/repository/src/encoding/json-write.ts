/**
 * JSON as Go's encoding/json writes it, HTML escaping on: `<`, `>`, `&`, U+2028 and U+2029 are escaped, \b and \f are
 * short (Go 1.22 and later), invalid UTF-8 becomes \ufffd. Tree ids depend on every byte of it.
 */
import type { ByteWriter } from './byte-writer.ts';
import { utf8 } from './bytes.ts';
import { goQuote } from './quote.ts';
import { runeLength } from './runes.ts';

/** 1 for ASCII that JSON text holds as it is; DEL is such a character for Go. */
const PLAIN: Uint8Array = new Uint8Array(256);
for (let code = 0x20; code < 0x80; code++) PLAIN[code] = 1;
for (const special of ['"', '\\', '<', '>', '&']) PLAIN[special.charCodeAt(0)] = 0;

/** 1 for ASCII that a node name holds as it is: plain, and printable for strconv.Quote. */
const PLAIN_NAME: Uint8Array = PLAIN.slice();
PLAIN_NAME[0x7f] = 0;

const SHORT: Readonly<Record<number, string>> = {
  8: '\\b',
  9: '\\t',
  10: '\\n',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

function writeSpecial(out: ByteWriter, code: number): void {
  out.ascii(SHORT[code] ?? `\\u00${code.toString(16).padStart(2, '0')}`);
}

/** Appends a byte string as a JSON string, quotes included. */
export function writeJsonBytes(out: ByteWriter, bytes: Uint8Array): void {
  const end = bytes.length;
  out.room(6 * end + 2);
  out.byte(0x22);
  for (let at = 0; at < end; ) {
    const code = bytes[at]!;
    if (code < 0x80) {
      if (PLAIN[code] === 1) out.buffer[out.length++] = code;
      else writeSpecial(out, code);
      at++;
      continue;
    }
    const length = runeLength(bytes, at, end);
    if (length === 0) {
      out.ascii('\\ufffd');
      at++;
      continue;
    }
    // U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
    if (length === 3 && code === 0xe2 && bytes[at + 1] === 0x80 && (bytes[at + 2]! & 0xfe) === 0xa8) {
      out.ascii(bytes[at + 2] === 0xa8 ? '\\u2028' : '\\u2029');
    } else {
      for (let i = 0; i < length; i++) out.buffer[out.length++] = bytes[at + i]!;
    }
    at += length;
  }
  out.byte(0x22);
}

/** Appends text as a JSON string, quotes included. */
export function writeJsonText(out: ByteWriter, text: string): void {
  writeJsonBytes(out, utf8(text));
}

/** Appends a node name: strconv.Quote without its quotes, then a JSON string. */
export function writeJsonName(out: ByteWriter, name: Uint8Array): void {
  const end = name.length;
  out.room(end + 2);
  const { buffer } = out;
  let to = out.length;
  buffer[to++] = 0x22;
  for (let at = 0; at < end; at++) {
    const code = name[at]!;
    if (PLAIN_NAME[code] === 0) {
      writeJsonBytes(out, goQuote(name));
      return;
    }
    buffer[to++] = code;
  }
  buffer[to++] = 0x22;
  out.length = to;
}
