/** `--exclude-file` and its kin: one pattern per line. Pure: the caller reads the file and supplies the variables. */

/**
 * Returns the text of a file that people wrote: UTF-8, or UTF-16 with a byte order mark. The mark is dropped.
 * Bytes that are not valid become U+FFFD.
 */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  return new TextDecoder('utf-8').decode(bytes);
}

/**
 * Parses pattern lines: trimmed, blank and `#` lines dropped, `$NAME` and `${NAME}` replaced, `$$` is a dollar.
 * `lookup` returns a variable's value; undefined counts as empty, as in a shell.
 */
export function parsePatternFile(bytes: Uint8Array, lookup: (name: string) => string | undefined): string[] {
  const patterns: string[] = [];
  for (const line of decodeText(bytes).split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    patterns.push(expandVariables(trimmed, lookup));
  }
  return patterns;
}

/** Go's `os.Expand`: special names are single characters; a `$` before something that is no name is dropped with it. */
export function expandVariables(text: string, lookup: (name: string) => string | undefined): string {
  let expanded = '';
  let at = 0;
  while (at < text.length) {
    const char = text[at]!;
    if (char !== '$' || at + 1 >= text.length) {
      expanded += char;
      at++;
      continue;
    }
    const { name, width } = variableName(text, at + 1);
    if (name === '$') expanded += '$';
    else if (name !== '') expanded += lookup(name) ?? '';
    else if (width === 0) expanded += '$';
    at += 1 + width;
  }
  return expanded;
}

const SPECIAL = /^[*#$@!?\-0-9]$/;

/** `width` counts the characters of `text` that the name takes, braces included; bad syntax in braces has no name. */
function variableName(text: string, from: number): { name: string; width: number } {
  if (text[from] === '{') {
    if (SPECIAL.test(text[from + 1] ?? '') && text[from + 2] === '}') return { name: text[from + 1]!, width: 3 };
    const close = text.indexOf('}', from + 1);
    if (close < 0) return { name: '', width: 1 };
    if (close === from + 1) return { name: '', width: 2 };
    return { name: text.slice(from + 1, close), width: close + 1 - from };
  }
  if (SPECIAL.test(text[from]!)) return { name: text[from]!, width: 1 };
  const name = /^[A-Za-z0-9_]*/.exec(text.slice(from))![0];
  return { name, width: name.length };
}
