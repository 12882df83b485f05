/**
 * The patterns of a search: restic's globs (`internal/filter`) against base names, runs of components or, with a leading
 * slash, whole paths; what lies below a match matches as well. A walk carries a scope, a small number, from folder to
 * folder: it stands for all that the path so far means to the patterns, so equal scopes have equal results below.
 */
import { HostarkError } from '@hostark/protocol';
import { toByteString, toLowerBytes } from '../select/bytes.ts';
import { advance, matchesAt, type Pattern, type PatternState, parsePattern } from '../select/pattern.ts';

/** What the path of a folder means to the patterns; ROOT_SCOPE at the top of a snapshot. */
export type FindScope = number;
export const ROOT_SCOPE: FindScope = 0;

/** Nothing below can match. */
export const DEAD_SCOPE: FindScope = -1;

export class FindPatterns {
  readonly #patterns: readonly Pattern[];
  readonly #ignoreCase: boolean;
  /** By scope: one state for each pattern. */
  readonly #states: (readonly PatternState[])[];
  readonly #scopes: Map<string, FindScope>;

  /** An empty pattern matches everything, as in restic. Throws 'bad-pattern' that names every malformed one. */
  constructor(patterns: readonly string[], ignoreCase = false) {
    this.#patterns = compile(patterns, ignoreCase);
    this.#ignoreCase = ignoreCase;
    const start = this.#patterns.map((pattern) => pattern.start);
    this.#states = [start];
    this.#scopes = new Map([[JSON.stringify(start), ROOT_SCOPE]]);
  }

  /** Returns whether the entry `name` of a folder matches. */
  matches(scope: FindScope, name: Uint8Array): boolean {
    const states = this.#states[scope]!;
    const component = this.#component(name);
    for (let i = 0; i < states.length; i++) if (matchesAt(this.#patterns[i]!, states[i]!, component)) return true;
    return false;
  }

  /** Returns the scope of the folder `name` in a folder, or DEAD_SCOPE. */
  below(scope: FindScope, name: Uint8Array): FindScope {
    const component = this.#component(name);
    const states = this.#states[scope]!.map((state, i) => advance(this.#patterns[i]!, state, component));
    if (states.every((state) => state.length === 0)) return DEAD_SCOPE;
    const key = JSON.stringify(states);
    const known = this.#scopes.get(key);
    if (known !== undefined) return known;
    this.#scopes.set(key, this.#states.length);
    return this.#states.push(states) - 1;
  }

  #component(name: Uint8Array): string {
    const text = toByteString(name);
    return this.#ignoreCase ? toLowerBytes(text) : text;
  }
}

function compile(patterns: readonly string[], ignoreCase: boolean): Pattern[] {
  const compiled: Pattern[] = [];
  const malformed: string[] = [];
  for (const original of patterns) {
    const bytes = toByteString(original === '' ? '**' : original);
    // A leading `!` negates in lists of excludes; a search has nothing to take back.
    const pattern = original.startsWith('!') ? null : parsePattern(ignoreCase ? toLowerBytes(bytes) : bytes, original);
    if (pattern === null) malformed.push(JSON.stringify(original));
    else compiled.push(pattern);
  }
  if (malformed.length === 0) return compiled;
  const what = malformed.length === 1 ? 'malformed pattern' : `${malformed.length} malformed patterns`;
  throw new HostarkError('bad-pattern', `expected glob patterns, found ${what}: ${malformed.join(', ')}`, {
    hint: 'close every [ with ], give classes at least one character, and put \\ before a ! at the beginning',
    context: { malformed: malformed.length },
  });
}
