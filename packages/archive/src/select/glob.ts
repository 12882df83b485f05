/**
 * One path component against one glob, with the exact semantics of Go's `filepath.Match` on Unix (restic's matcher):
 * `*` any bytes, `?` one rune, `[a-z]` and `[^a-z]` classes of runes, `\` takes the next byte literally.
 * Patterns are compiled once; the common shapes (literal, `*`, `*suffix`, `prefix*`) match without a loop of ours.
 */
import type { ByteString } from './bytes.ts';
import { RUNE_ERROR, runeValue, runeWidth } from './runes.ts';

/** Returns true if the whole component matches. `name` holds no slash. */
export type ComponentMatcher = (name: ByteString) => boolean;

/** Compiles `glob`, or returns null if it is malformed (unclosed class, empty class, lone backslash at the end). */
export function compileGlob(glob: ByteString): ComponentMatcher | null {
  if (!/[\\[\]*?]/.test(glob)) return (name) => name === glob;
  const chunks = parseChunks(glob);
  if (chunks === null) return null;
  return simpleShape(glob) ?? ((name) => matchChunks(chunks, name));
}

/** The one-star shapes. A middle of plain bytes makes them exact whatever the encoding of the name. */
function simpleShape(glob: ByteString): ComponentMatcher | null {
  if (/^\*+$/.test(glob)) return () => true;
  const parts = /^([^\\[\]*?]*)\*([^\\[\]*?]*)$/.exec(glob);
  if (parts === null) return null;
  const prefix = parts[1] ?? '';
  const suffix = parts[2] ?? '';
  const shortest = prefix.length + suffix.length;
  if (prefix === '') return (name) => name.endsWith(suffix);
  if (suffix === '') return (name) => name.startsWith(prefix);
  return (name) => name.length >= shortest && name.startsWith(prefix) && name.endsWith(suffix);
}

interface RuneClass {
  readonly negated: boolean;
  /** Pairs lo, hi: inclusive. */
  readonly ranges: readonly number[];
}

/** A byte to equal, any one rune, or a rune of a class. */
type Token = number | 'any' | RuneClass;

/** A run of tokens without star; `star` tells that a star stands before it. */
interface Chunk {
  readonly star: boolean;
  readonly tokens: readonly Token[];
}

function parseChunks(glob: ByteString): Chunk[] | null {
  const chunks: Chunk[] = [];
  let at = 0;
  while (at < glob.length) {
    const star = glob[at] === '*';
    while (glob[at] === '*') at++;
    const end = chunkEnd(glob, at);
    const tokens = parseTokens(glob.slice(at, end));
    if (tokens === null) return null;
    chunks.push({ star, tokens });
    at = end;
  }
  return chunks;
}

/** Where the run without star ends: at the next `*` that is neither escaped nor inside brackets. */
function chunkEnd(glob: ByteString, from: number): number {
  let inClass = false;
  let at = from;
  for (; at < glob.length; at++) {
    const char = glob[at];
    if (char === '\\') {
      if (at + 1 < glob.length) at++;
    } else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if (char === '*' && !inClass) break;
  }
  return at;
}

function parseTokens(chunk: ByteString): Token[] | null {
  const tokens: Token[] = [];
  let at = 0;
  while (at < chunk.length) {
    const char = chunk[at];
    if (char === '[') {
      const parsed = parseClass(chunk, at + 1);
      if (parsed === null) return null;
      tokens.push(parsed.runes);
      at = parsed.end;
      continue;
    }
    if (char === '\\' && ++at === chunk.length) return null;
    tokens.push(char === '?' ? 'any' : chunk.charCodeAt(at));
    at++;
  }
  return tokens;
}

function parseClass(chunk: ByteString, from: number): { runes: RuneClass; end: number } | null {
  let at = from;
  const negated = chunk[at] === '^';
  if (negated) at++;
  const ranges: number[] = [];
  while (!(chunk[at] === ']' && ranges.length > 0)) {
    const low = parseClassRune(chunk, at);
    if (low === null) return null;
    at = low.end;
    let high = low;
    if (chunk[at] === '-') {
      const bound = parseClassRune(chunk, at + 1);
      if (bound === null) return null;
      high = bound;
      at = bound.end;
    }
    ranges.push(low.rune, high.rune);
  }
  return { runes: { negated, ranges }, end: at + 1 };
}

/** One, possibly escaped, rune of a class. A class can never end here, so the end of the chunk is malformed. */
function parseClassRune(chunk: ByteString, from: number): { rune: number; end: number } | null {
  let at = from;
  if (at >= chunk.length || chunk[at] === '-' || chunk[at] === ']') return null;
  if (chunk[at] === '\\' && ++at === chunk.length) return null;
  const width = runeWidth(chunk, at);
  const rune = runeValue(chunk, at, width);
  if (rune === RUNE_ERROR && width === 1) return null;
  return at + width >= chunk.length ? null : { rune, end: at + width };
}

/** Leftmost placement of each starred chunk is enough: what follows can only gain from more bytes left over. */
function matchChunks(chunks: readonly Chunk[], name: ByteString): boolean {
  let at = 0;
  for (let c = 0; c < chunks.length; c++) {
    const chunk = chunks[c]!;
    const last = c === chunks.length - 1;
    if (chunk.star && chunk.tokens.length === 0) return true;
    let end = matchTokens(chunk.tokens, name, at);
    if (end >= 0 && last && end < name.length) end = -1;
    if (end < 0 && chunk.star) {
      for (let from = at + 1; from <= name.length && end < 0; from++) {
        end = matchTokens(chunk.tokens, name, from);
        if (end >= 0 && last && end < name.length) end = -1;
      }
    }
    if (end < 0) return false;
    at = end;
  }
  return at === name.length;
}

/** Returns where the match of `tokens` that starts at `from` ends, or -1. */
function matchTokens(tokens: readonly Token[], name: ByteString, from: number): number {
  let at = from;
  for (const token of tokens) {
    if (at >= name.length) return -1;
    if (typeof token === 'number') {
      if (name.charCodeAt(at) !== token) return -1;
      at++;
      continue;
    }
    const width = runeWidth(name, at);
    if (token !== 'any' && !inClass(token, runeValue(name, at, width))) return -1;
    at += width;
  }
  return at;
}

function inClass(runes: RuneClass, rune: number): boolean {
  const { ranges } = runes;
  for (let i = 0; i < ranges.length; i += 2) {
    if (ranges[i]! <= rune && rune <= ranges[i + 1]!) return !runes.negated;
  }
  return runes.negated;
}
