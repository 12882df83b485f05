/** From the user's pattern lists to compiled ones; malformed patterns are reported all at once, with their option. */
import { HostarkError } from '@hostark/protocol';
import { toByteString, toLowerBytes } from './bytes.ts';
import { type Pattern, parsePattern } from './pattern.ts';

export interface PatternSource {
  /** Name of the option, for messages; without dashes. */
  readonly option: string;
  readonly patterns: readonly string[];
  readonly ignoreCase: boolean;
}

export interface PatternList {
  readonly patterns: readonly Pattern[];
  readonly ignoreCase: boolean;
}

/** Lists without any pattern are left out. */
export type PatternLists = readonly PatternList[];

/** Compiles each source into a list. Empty patterns are ignored. Throws HostarkError 'bad-pattern'. */
export function compileLists(...sources: readonly PatternSource[]): PatternLists {
  const malformed: string[] = [];
  const lists: PatternList[] = [];
  for (const { option, patterns, ignoreCase } of sources) {
    const compiled: Pattern[] = [];
    for (const original of patterns) {
      if (original === '') continue;
      const bytes = toByteString(original);
      const pattern = parsePattern(ignoreCase ? toLowerBytes(bytes) : bytes, original);
      if (pattern === null) malformed.push(`--${option} ${JSON.stringify(original)}`);
      else compiled.push(pattern);
    }
    if (compiled.length > 0) lists.push({ patterns: compiled, ignoreCase });
  }
  if (malformed.length > 0) throw badPatterns(malformed);
  return lists;
}

function badPatterns(malformed: readonly string[]): HostarkError {
  const what = malformed.length === 1 ? 'malformed pattern' : `${malformed.length} malformed patterns`;
  return new HostarkError('bad-pattern', `expected restic glob patterns, found ${what}: ${malformed.join(', ')}`, {
    hint: 'close every [ with ], give classes at least one character, and do not end a pattern with a single backslash',
    context: { malformed: malformed.length },
  });
}
