/**
 * Which paths a backup leaves out: restic's `--exclude` family (internal/filter, §"Excluding files").
 * Lists are evaluated in order, `!` takes a path back, the last match of a list decides; a path is rejected if any list
 * rejects it. Patterns are compiled once; a walk keeps one Scope per open directory and pays per name, not per path.
 */
import { type ByteString, toByteString, toLowerBytes } from './bytes.ts';
import { compileLists, type PatternLists } from './compile.ts';
import { advance, isMatch, matchesAt, type Pattern, type PatternState } from './pattern.ts';

/** Patterns as the user gave them; all lists may be absent. */
export interface ExcludePatterns {
  readonly exclude?: readonly string[] | undefined;
  /** Matched with both sides lowered. */
  readonly iexclude?: readonly string[] | undefined;
}

/** Rejection by name alone. */
export interface Selector {
  /** Rejects nothing, ever: callers may skip asking. */
  readonly isEmpty: boolean;
  /**
   * Returns true if `path` (absolute, cleaned; text is UTF-8) or something above it is excluded. The state of the last
   * directory is remembered, so asking for the entries of one directory after another costs little per entry.
   */
  rejectsPath(path: Uint8Array | string): boolean;
  /** Returns the scope of the directory `path` (absolute, cleaned; `/` for the root). */
  scope(path: Uint8Array | string): Scope;
}

/** The selection state of one directory. Immutable; cheap to keep per open directory. */
export interface Scope {
  /** Returns true if the entry `name` of this directory is excluded. */
  rejects(name: Uint8Array): boolean;
  /** As `rejects`, for names held as latin1 strings (one char per byte). */
  rejectsLatin1(name: string): boolean;
  /** Returns the scope of the subdirectory `name`. */
  below(name: Uint8Array): Scope;
  belowLatin1(name: string): Scope;
}

/** Compiles exclude patterns. Throws HostarkError 'bad-pattern' that names every malformed one. */
export function compileSelector(patterns: ExcludePatterns): Selector {
  const lists = compileLists(
    { option: 'exclude', patterns: patterns.exclude ?? [], ignoreCase: false },
    { option: 'iexclude', patterns: patterns.iexclude ?? [], ignoreCase: true },
  );
  return selectorOf(lists);
}

function selectorOf(lists: PatternLists): Selector {
  const isEmpty = lists.length === 0;
  let last = { directory: '', scope: walkTo(lists, '') };
  return {
    isEmpty,
    scope: (path) => walkTo(lists, toByteString(path)),
    rejectsPath(path) {
      if (isEmpty) return false;
      const bytes = toByteString(path);
      const cut = bytes.lastIndexOf('/');
      const directory = bytes.slice(0, Math.max(cut, 0));
      if (directory !== last.directory) last = { directory, scope: walkTo(lists, directory) };
      return last.scope.rejectsLatin1(bytes.slice(cut + 1));
    },
  };
}

function walkTo(lists: PatternLists, directory: ByteString): Scope {
  let scope: Scope = lists.length === 0 ? OPEN_SCOPE : new ListScope(lists, lists.map(startStates));
  for (const name of directory.split('/')) if (name !== '') scope = scope.belowLatin1(name);
  return scope;
}

function startStates(list: PatternLists[number]): PatternState[] {
  return list.patterns.map((pattern) => pattern.start);
}

/** The scope when there are no patterns: nothing to compute, the same object everywhere. */
const OPEN_SCOPE: Scope = {
  rejects: () => false,
  rejectsLatin1: () => false,
  below: () => OPEN_SCOPE,
  belowLatin1: () => OPEN_SCOPE,
};

class ListScope implements Scope {
  readonly #lists: PatternLists;
  readonly #states: readonly (readonly PatternState[])[];

  constructor(lists: PatternLists, states: readonly (readonly PatternState[])[]) {
    this.#lists = lists;
    this.#states = states;
  }

  rejects(name: Uint8Array): boolean {
    return this.rejectsLatin1(toByteString(name));
  }

  rejectsLatin1(name: string): boolean {
    for (let i = 0; i < this.#lists.length; i++) {
      const list = this.#lists[i]!;
      if (lastMatchRejects(list, this.#states[i]!, list.ignoreCase ? toLowerBytes(name) : name)) return true;
    }
    return false;
  }

  below(name: Uint8Array): Scope {
    return this.belowLatin1(toByteString(name));
  }

  belowLatin1(name: string): Scope {
    const states = this.#lists.map((list, i) => {
      const component = list.ignoreCase ? toLowerBytes(name) : name;
      return list.patterns.map((pattern, p) => advance(pattern, this.#states[i]![p]!, component));
    });
    return new ListScope(this.#lists, states);
  }
}

function lastMatchRejects(list: PatternLists[number], states: readonly PatternState[], name: ByteString): boolean {
  const { patterns } = list;
  for (let p = patterns.length - 1; p >= 0; p--) {
    const pattern: Pattern = patterns[p]!;
    if (matchesAt(pattern, states[p]!, name)) return !pattern.negated;
  }
  return false;
}

/** Returns true if one pattern matches one path (relative paths have no root to anchor at). For tools and tests. */
export function matchPattern(pattern: string, path: string): boolean {
  const [list] = compileLists({ option: 'pattern', patterns: [pattern], ignoreCase: false });
  const compiled = list?.patterns[0];
  if (compiled === undefined) return false;
  const bytes = toByteString(path);
  if (compiled.anchored && !bytes.startsWith('/')) return false;
  let state = compiled.start;
  for (const name of bytes.split('/')) if (name !== '') state = advance(compiled, state, name);
  return isMatch(compiled, state);
}

/** Rejects nothing. */
export const selectEverything: Selector = selectorOf([]);
